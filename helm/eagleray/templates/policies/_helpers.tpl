{{- /* The name of a policy. Arguments: the root context and the policy's own word. */ -}}
{{- define "eagleray.policy" -}}
{{ include "eagleray.fullname" (index . 0) }}-{{ index . 1 }}
{{- end -}}

{{- /* A policy's metadata, without its dash. Arguments as above. */ -}}
{{- define "eagleray.policyMetadata" -}}
metadata:
  name: {{ include "eagleray.policy" . }}
  labels: {{- include "eagleray.labels" (index . 0) | nindent 4 }}
{{- end -}}

{{- /* What binds a policy to the cluster; what is appended to it is of its spec. Arguments as above. */ -}}
{{- define "eagleray.policyBinding" -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
{{ include "eagleray.policyMetadata" . }}
spec:
  policyName: {{ include "eagleray.policy" . }}
  validationActions: {{ ternary "[Deny]" "[Warn, Audit]" (eq (index . 0).Values.policies.mode "Deny") }}
{{- end -}}

{{- /* Of a binding: the namespaces that are served, where they are named. */ -}}
{{- define "eagleray.policyNamespaces" -}}
{{- with .Values.watchNamespaces -}}
matchResources:
  namespaceSelector:
    matchExpressions:
    - {key: kubernetes.io/metadata.name, operator: In, values: {{ toJson . }}}
{{- end -}}
{{- end -}}

{{- /* CEL: whether the namespace carries the labels that it must. */ -}}
{{- define "eagleray.policyLabelled" -}}
{{- $each := list -}}
{{- range $label, $value := .Values.policies.namespaceLabels -}}
{{- $each = append $each (printf "namespaceObject.metadata.?labels[?'%s'].orValue('') == '%s'" $label $value) -}}
{{- end -}}
{{ join " && " $each }}
{{- end -}}

{{- /* The same in words. */ -}}
{{- define "eagleray.policyLabels" -}}
{{- $each := list -}}
{{- range $label, $value := .Values.policies.namespaceLabels -}}
{{- $each = append $each (printf "%s=%s" $label $value) -}}
{{- end -}}
{{ join " and " $each }}
{{- end -}}

{{- /* CEL: what a field names, one in a line. Arguments: what the path starts at, the path, its depth, and what an absent field means. */ -}}
{{- define "eagleray.named" -}}
{{- $at := index . 0 -}}
{{- $path := index . 1 -}}
{{- $depth := index . 2 -}}
{{- $absent := index . 3 -}}
{{- if contains "[]" $path -}}
{{- $parts := splitn "[]" 2 $path -}}
{{- $item := printf "i%d" $depth -}}
{{- $below := include "eagleray.named" (list $item (trimPrefix "." $parts._1) (add1 $depth) $absent) -}}
{{ $at }}.?{{ replace "." ".?" $parts._0 }}.orValue([]).map({{ $item }}, {{ $below }}).join('\n')
{{- else if eq $path "" -}}
{{ $at }}
{{- else if eq $path "{}" -}}
{{ $at }}.map(name, name).join('\n')
{{- else if hasSuffix "{}" $path -}}
{{ $at }}.?{{ trimSuffix "{}" $path | replace "." ".?" }}.orValue({}).map(name, name).join('\n')
{{- else if $absent -}}
{{- $field := printf "%s.?%s.orValue('')" $at (replace "." ".?" $path) -}}
({{ $field }} == '' ? {{ squote $absent }} : {{ $field }})
{{- else -}}
{{ $at }}.?{{ replace "." ".?" $path }}.orValue('')
{{- end -}}
{{- end -}}

{{- /* CEL: whether the name n is that of the entry a, or * is. Argument: the rule. */ -}}
{{- define "eagleray.matches" -}}
{{- if eq .match "Server" -}}
isURL(n) && url(n).getScheme() + '://' + url(n).getHost() == a
{{- else if eq .match "Host" -}}
n == a || a.startsWith('*.') && n.endsWith(a.substring(1))
{{- else if eq .match "Below" -}}
n == a || (a.endsWith('/') || a.endsWith(':')) && n.startsWith(a) && !n.contains('..') && !n.lowerAscii().contains('%2e')
{{- else -}}
n == a
{{- end -}}
{{- end -}}

{{- /* CEL: the name of the operator's account. */ -}}
{{- define "eagleray.policyOperator" -}}
'system:serviceaccount:{{ .Release.Namespace }}:{{ include "eagleray.serviceAccountName" . }}'
{{- end -}}

{{- /* CEL: whether it is another object than the Secret that the operator makes for itself, once. */ -}}
{{- define "eagleray.policyNotKey" -}}
!(request.resource.resource == 'secrets' && request.operation == 'CREATE' && request.namespace == '{{ .Release.Namespace }}' && object.metadata.name == 'eagleray-token-key' && object.?type.orValue('Opaque') == 'Opaque')
{{- end -}}
