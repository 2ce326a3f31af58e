{{- define "eagleray.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "eagleray.operator" -}}
{{ include "eagleray.fullname" . }}-operator
{{- end -}}

{{- define "eagleray.serviceAccountName" -}}
{{- if .Values.serviceAccount.name -}}
{{ .Values.serviceAccount.name }}
{{- else if .Values.serviceAccount.create -}}
{{ include "eagleray.operator" . }}
{{- else -}}
default
{{- end -}}
{{- end -}}

{{- define "eagleray.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end -}}

{{- define "eagleray.labels" -}}
{{ include "eagleray.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: eagleray
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- /* Full name of an image, by its digest where that is told. Arguments: the root context and the image's key under .Values.images. */ -}}
{{- define "eagleray.image" -}}
{{- $root := index . 0 -}}
{{- $images := $root.Values.images -}}
{{- $image := get $images (index . 1) -}}
{{- $tag := $image.tag | default $images.tag | default $root.Chart.AppVersion -}}
{{- with $images.registry -}}{{ . }}/{{- end -}}
{{ $image.repository }}{{ with $image.digest }}@{{ . }}{{ else }}:{{ $tag }}{{ end }}
{{- end -}}

{{- /* What the operator does in the namespaces that it serves; templates/rbac.yaml binds it there. */ -}}
{{- define "eagleray.rules" -}}
- apiGroups: [eagleray.dev]
  resources: [modeldeployments]
  verbs: [get, list, watch]
- apiGroups: [eagleray.dev]
  resources: [modeldeployments/status]
  verbs: [patch]
# Owner references that block the owner's deletion ask for this where OwnerReferencesPermissionEnforcement is on.
- apiGroups: [eagleray.dev]
  resources: [modeldeployments/finalizers]
  verbs: [update]
- apiGroups: [apps]
  resources: [controllerrevisions/finalizers]
  verbs: [update]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch, create, patch]
# Ray tokens are derived from the operator's own key, so that no Secret of anybody is ever read.
- apiGroups: [""]
  resources: [secrets]
  verbs: [create]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch]
# Made by a router's Deployment: they lead from its Pods to the ModelDeployment.
- apiGroups: [apps]
  resources: [replicasets]
  verbs: [list, watch]
- apiGroups: [apps]
  resources: [controllerrevisions]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [ingresses]
  verbs: [get, list, watch, create, patch, delete]
# A cluster without the Gateway API has none.
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [list, create, patch]
{{- end -}}
