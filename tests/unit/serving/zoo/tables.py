"""Pipelines of scikit-learn over columns: its encoders, imputers, selections and estimators of estimators."""

from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.feature_selection import RFE, SelectFromModel, SelectKBest
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    QuantileTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import SVC

from unit.serving.zoo.data import CULTIVARS, INTENSITY, IRIS, NUMBERS, PAIRS, SPECIES, categorical, of_old_pandas, wine
from unit.serving.zoo.entry import Entry, of_array, of_frame

WINE = wine()
REGION = WINE[["region"]]
MIXED = WINE[["alcohol", "region"]]


def _logistic() -> Any:
    return LogisticRegression(max_iter=200)


def _encoder(**how: Any) -> Any:
    return OneHotEncoder(handle_unknown="ignore", **how)


def _mixed(encoder: Any = None) -> Any:
    """Numbers that are imputed and scaled, and text that is encoded."""
    text = make_pipeline(SimpleImputer(strategy="most_frequent"), _encoder()) if encoder is None else encoder
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    return ColumnTransformer([("numbers", numbers, ["alcohol"]), ("text", text, ["region"])])


def _pipeline(encoder: Any = None) -> Any:
    return make_pipeline(_mixed(encoder), _logistic())


def _encoders() -> list[Entry]:
    """Encoders alone, each on the columns that it is for."""
    old, unknown = of_old_pandas(REGION), {"handle_unknown": "use_encoded_value", "unknown_value": -1}
    of_text = {
        "one_hot": _encoder(),
        "one_hot_infrequent": _encoder(min_frequency=60),
        "one_hot_strict": OneHotEncoder(),
        "ordinal": OrdinalEncoder(**unknown, encoded_missing_value=-2),
        "ordinal_strict": OrdinalEncoder(encoded_missing_value=-2),
        "target": TargetEncoder(),
        "imputed": make_pipeline(SimpleImputer(strategy="most_frequent"), _encoder()),
        "imputed_constant": make_pipeline(SimpleImputer(strategy="constant", fill_value="none"), _encoder()),
    }
    of_none = {
        **{name: of_text[name] for name in ("one_hot", "ordinal", "ordinal_strict", "target")},
        "imputed": make_pipeline(SimpleImputer(missing_values=None, strategy="most_frequent"), _encoder()),
    }
    others = {
        "grade": ("one_hot", _encoder()),
        "maker": ("one_hot", _encoder()),
        "organic": ("one_hot", _encoder()),
        "alcohol": (
            "binned",
            make_pipeline(SimpleImputer(), KBinsDiscretizer(4, quantile_method="averaged_inverted_cdf")),
        ),
    }
    classified = {name: make_pipeline(each, _logistic()) for name, each in of_text.items() if name != "target"}
    return [
        *(of_frame(f"text_{name}", model, REGION, CULTIVARS) for name, model in classified.items()),
        of_frame("text_target", make_pipeline(of_text["target"], Ridge()), REGION, INTENSITY),
        *(of_frame(f"none_{name}", make_pipeline(each, Ridge()), old, INTENSITY) for name, each in of_none.items()),
        *(
            of_frame(f"{column}_{name}", make_pipeline(each, Ridge()), WINE[[column]], INTENSITY)
            for column, (name, each) in others.items()
        ),
        of_frame("maker_ordinal", make_pipeline(OrdinalEncoder(**unknown), Ridge()), WINE[["maker"]], INTENSITY),
        of_frame("maker_strict", make_pipeline(OneHotEncoder(), Ridge()), WINE[["maker"]], INTENSITY),
        of_frame("alcohol_one_hot", make_pipeline(_encoder(), Ridge()), WINE[["alcohol"]].round(), INTENSITY),
    ]


def _columns() -> list[Entry]:
    """Columns of several types, each read by its own transformer, by several, or by none."""
    every = make_column_transformer(
        (SimpleImputer(), ["alcohol"]),
        (_encoder(), ["region", "grade", "organic"]),
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["maker"]),
        (CountVectorizer(), "note"),
        ("passthrough", ["ash"]),
    )
    twice = make_column_transformer((StandardScaler(), ["grade", "ash"]), (_encoder(), ["grade", "region"]))
    dropped = make_column_transformer((StandardScaler(), ["ash"]), (_encoder(), ["region"]))
    rest = make_column_transformer((_encoder(), ["region"]), remainder="passthrough")
    return [
        of_frame("columns_every_type", make_pipeline(every, _logistic()), WINE, CULTIVARS),
        of_frame("columns_twice", make_pipeline(twice, Ridge()), WINE[["grade", "region", "ash"]], INTENSITY),
        of_frame("columns_dropped", make_pipeline(dropped, Ridge()), WINE, INTENSITY),
        of_frame("columns_remainder", make_pipeline(rest, Ridge()), WINE[["region", "ash", "organic"]], INTENSITY),
        of_frame(
            "columns_logarithm",
            make_pipeline(FunctionTransformer(np.log1p), Ridge()),
            WINE[["ash", "grade"]],
            INTENSITY,
        ),
        of_frame("columns_mixed", _pipeline(), MIXED, CULTIVARS),
        of_frame("columns_mixed_none", _pipeline(_encoder()), of_old_pandas(MIXED), CULTIVARS),
    ]


def _meta() -> list[Entry]:
    """Estimators of estimators over a pipeline that reads a frame."""
    strict = _pipeline(OneHotEncoder(handle_unknown="error"))
    voting = VotingClassifier([("a", _pipeline()), ("b", _pipeline(_encoder()))], voting="soft")
    stacking = StackingClassifier([("a", _pipeline()), ("b", _pipeline(_encoder()))], cv=2)
    metas = {
        "voting": voting,
        "stacking": stacking,
        "grid": GridSearchCV(_pipeline(_encoder()), {"logisticregression__C": [1.0]}, cv=2),
        "calibrated": CalibratedClassifierCV(_pipeline(_encoder()), cv=2),
        "one_vs_rest": OneVsRestClassifier(_pipeline(_encoder())),
        "strict_in_grid": GridSearchCV(strict, {"logisticregression__C": [1.0]}, cv=2),
    }
    several = np.column_stack([INTENSITY, -INTENSITY])
    return [
        *(of_frame(f"meta_{name}", model, MIXED, CULTIVARS) for name, model in metas.items()),
        of_frame("meta_threshold", FixedThresholdClassifier(_pipeline(), threshold=0.4), MIXED, PAIRS[:, 0]),
        of_frame("meta_target", TransformedTargetRegressor(make_pipeline(_mixed(), Ridge())), MIXED, INTENSITY),
        of_frame("meta_several_numbers", MultiOutputRegressor(make_pipeline(_mixed(), Ridge())), MIXED, several),
        of_frame("meta_several_labels", OneVsRestClassifier(_pipeline()), MIXED, PAIRS),
        of_array("meta_bagging", BaggingClassifier(n_estimators=3, random_state=0), IRIS, SPECIES),
        of_array("meta_bagging_some", BaggingClassifier(n_estimators=3, max_features=2, random_state=0), IRIS, SPECIES),
        of_array("meta_ada", AdaBoostClassifier(n_estimators=3, random_state=0), IRIS, SPECIES),
        of_array("meta_one_vs_one", OneVsOneClassifier(_logistic()), IRIS, SPECIES),
        of_array("meta_self_training", SelfTrainingClassifier(_logistic()), IRIS, np.where(SPECIES == 1, -1, SPECIES)),
        of_array("meta_chain", ClassifierChain(_logistic()), IRIS, np.column_stack([SPECIES == 0, SPECIES == 1])),
    ]


def _numbers() -> list[Entry]:
    """Models of numbers, with names and without."""
    forest = RandomForestClassifier(5, random_state=0)
    plain: dict[str, Any] = {
        "linear": LinearRegression(),
        "nearest": make_pipeline(KNNImputer(), KNeighborsClassifier()),
        "svm": make_pipeline(StandardScaler(), SVC()),
        "bayes": GaussianNB(),
        "forest": forest,
        "boosting": HistGradientBoostingRegressor(max_iter=5),
        "pca": make_pipeline(StandardScaler(), PCA(2), _logistic()),
        "polynomial": make_pipeline(PolynomialFeatures(), Ridge()),
        "quantiles": make_pipeline(QuantileTransformer(n_quantiles=20), Ridge()),
        "best": make_pipeline(SelectKBest(k=2), _logistic()),
        "of_model": make_pipeline(SelectFromModel(forest), _logistic()),
        "eliminated": RFE(_logistic(), n_features_to_select=2),
        "union": make_pipeline(make_union(StandardScaler(), PCA(1)), Ridge()),
        "odd": IsolationForest(n_estimators=5, random_state=0),
        "several": ExtraTreesRegressor(3, random_state=0),
    }
    targets = {"several": np.column_stack([IRIS[:, 0], IRIS[:, 1]])}
    boosted = HistGradientBoostingClassifier(max_iter=5, categorical_features="from_dtype", min_samples_leaf=3)
    imputed = make_pipeline(SimpleImputer(add_indicator=True), _logistic())
    return [
        *(of_array(f"numbers_{name}", model, IRIS, targets.get(name, SPECIES)) for name, model in plain.items()),
        of_frame("numbers_named", imputed, NUMBERS, CULTIVARS),
        of_frame(
            "boosting_categories",
            boosted,
            categorical(WINE[["alcohol", "region", "grade"]], "region", "grade"),
            CULTIVARS,
        ),
        of_array(
            "numbers_of_text",
            make_pipeline(_encoder(), Ridge()),
            WINE[["grade", "maker"]].to_numpy(),
            INTENSITY,
            [[3, 2**53 + 1], [3, 2**53 + 2], [5, 1]],
        ),
        of_array(
            "objects",
            make_pipeline(_encoder(), Ridge()),
            of_old_pandas(WINE[["region", "grade"]]).to_numpy(dtype=object),
            INTENSITY,
            [["north", 3], [None, 3], ["unheard of", 977]],
        ),
    ]


TABLES = [*_encoders(), *_columns(), *_meta(), *_numbers()]
