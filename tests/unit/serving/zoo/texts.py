"""Models each of whose rows is a text, or an object of whatever members it has."""

from typing import Any

from scipy.sparse import csr_array
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline, make_union

from unit.serving.zoo.data import INTENSITY, PAIRS, TEXT_LABELS, TEXTS, wine
from unit.serving.zoo.entry import Entry, json_rows, of_rows

_MORE = ["", "text", "words unheard of", TEXTS[0] * 3]
_OBJECTS = json_rows(wine()[["ash", "grade", "organic", "note"]])


def _words() -> Any:
    return make_pipeline(TfidfVectorizer(), LogisticRegression())


def _voting() -> Any:
    return VotingClassifier([("a", _words()), ("b", make_pipeline(CountVectorizer(), LogisticRegression()))])


_READERS = {
    "words": _words(),
    "hashes": make_pipeline(HashingVectorizer(n_features=64), LogisticRegression()),
    "union": make_pipeline(make_union(TfidfVectorizer(), CountVectorizer(analyzer="char")), LogisticRegression()),
    "calibrated": CalibratedClassifierCV(_words(), cv=2),
    "voting": _voting(),
    "one_vs_rest": OneVsRestClassifier(_words()),
    "grid": GridSearchCV(_words(), {"logisticregression__C": [1.0]}, cv=2),
    "calibrated_grid": CalibratedClassifierCV(GridSearchCV(_words(), {"logisticregression__C": [1.0]}, cv=2), cv=2),
}

TEXT_MODELS: list[Entry] = [
    *(of_rows(f"texts_{name}", model, TEXTS, TEXT_LABELS, _MORE) for name, model in _READERS.items()),
    of_rows("texts_sparse_labels", OneVsRestClassifier(_words()), TEXTS, csr_array(PAIRS[::3]), _MORE),
    of_rows(
        "objects_of_members",
        make_pipeline(DictVectorizer(), Ridge()),
        _OBJECTS,
        INTENSITY,
        [{"ash": 2.0}, {"unheard of": 1, "note": "pale, light"}, {}],
    ),
]
