"""Every setting of a run, typed. Unknown keys are errors; `kind` alone makes a run a smoke run."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, field_validator, model_validator

PositiveFloat = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(Section):
    """Which recordings, and how they are divided."""

    root: str = ""
    """Folder of the corpus below the data folder (`/data` on Modal, `--data DIR` here)."""
    layout: Literal["auto", "tusz", "chbmit", "siena", "seizeit", "bids"] = "auto"
    release: str = ""
    """Which entry of `expect` this corpus is held to; "" counts nothing."""
    split: Literal["official", "holdout"] = "official"
    """`official`: train, dev, eval folders. `holdout`: validation is taken from train by whole patients."""
    holdout_val_files: PositiveInt = 933
    limit_files: PositiveInt | None = None
    """Training recordings of a smoke run; goes to the training process as BGB_LIMIT_FILES."""
    limit_val_files: PositiveInt | None = None
    """Validation (and eval) recordings of a smoke run."""


class Preprocessing(Section):
    """From EDF to the cache. Each value is part of the cache's key."""

    montage: Literal["referential19", "bipolar18"] = "referential19"
    rate_hz: PositiveInt = 256
    low_hz: PositiveFloat = 0.5
    high_hz: PositiveFloat = 100.0
    mains_hz: Literal[50, 60, 0] = 60
    """Notch here and at the harmonics below `high_hz`; 0: none."""
    clip_sigma: PositiveFloat = 100.0
    """The cache's int16 spans this many robust standard deviations (IQR / 1.349) of each channel.

    In a quiet recording (5.5 microvolts) seizures of 300 microvolts are 55; the step is 0.003 of a deviation.
    """


class Cache(Section):
    dir: str = "cache/tusz"
    """Below the results folder (`/results` on Modal, `--results DIR` here)."""
    processes: Annotated[int, Field(ge=0)] = 0
    """Processes that build; 0: one for each core."""


class Model(Section):
    preset: Literal["base", "tiny"] = "base"
    window_s: PositiveInt = 60


class Training(Section):
    steps: PositiveInt = 100_000
    batch_size: PositiveInt = 32
    """Windows a step on each device."""
    learning_rate: PositiveFloat = 1e-4
    weight_decay: NotNegative = 0.01
    warmup_steps: Annotated[int, Field(ge=0)] = 1000
    grad_clip: PositiveFloat = 1.0
    seizure_share: Share = 0.5
    """Share of windows of a batch that hold a seizure; the rest are drawn from everywhere else."""
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    """`auto`: bf16 where the GPU has it."""
    compile: Literal["auto", "on", "off"] = "auto"
    """`auto`: torch.compile on GPUs."""
    workers: Annotated[int, Field(ge=0)] = 2
    """Loader threads or processes; 0: in the training process itself."""
    seed: int = 0
    log_every_steps: PositiveInt = 50
    checkpoint_every_steps: PositiveInt = 1000
    validate_every_steps: PositiveInt = 5000
    keep_checkpoints: PositiveInt = 2

    @field_validator("compile", mode="before")
    @classmethod
    def _words_that_yaml_reads_as_booleans(cls, value: object) -> object:
        return {True: "on", False: "off"}[value] if isinstance(value, bool) else value


class Lengths(Section):
    """What shapes events once the threshold is applied, in seconds. The defaults are the recipe's."""

    opening_s: NotNegative = 2.5
    closing_s: NotNegative = 2.5
    min_duration_s: NotNegative = 2.0
    merge_s: NotNegative = 0.0
    """Events nearer than this are one."""


RECIPE = Lengths()


class Postprocessing(Section):
    """From a probability a sample to events, in seconds. `fit`: chosen on validation, never on eval."""

    threshold: Literal["fit"] | Share = "fit"
    opening_s: Literal["fit"] | NotNegative = RECIPE.opening_s
    closing_s: Literal["fit"] | NotNegative = RECIPE.closing_s
    min_duration_s: Literal["fit"] | NotNegative = RECIPE.min_duration_s
    merge_s: Literal["fit"] | NotNegative = RECIPE.merge_s

    @property
    def lengths_to_fit(self) -> tuple[str, ...]:
        """Names of the lengths that validation has to choose."""
        return tuple(name for name in Lengths.model_fields if getattr(self, name) == "fit")

    def lengths(self) -> Lengths:
        """The lengths as numbers; the recipe's where one is to be fitted."""
        given = {name: getattr(self, name) for name in Lengths.model_fields}
        return Lengths(**{name: value for name, value in given.items() if value != "fit"})

    def with_lengths(self, lengths: Lengths) -> "Postprocessing":
        return self.model_copy(update=lengths.model_dump())


class Evaluation(Section):
    after_training: list[Literal["val", "eval"]] = ["val"]
    """What is scored when the training is over. Scoring eval is written to the eval log."""
    stride_s: PositiveFloat = 30.0
    """Step between the windows that a whole recording is stitched from."""
    batch_size: PositiveInt = 32


class Tracking(Section):
    """Optional; a tracker that fails is named once and never stops a run."""

    tensorboard: bool = True
    wandb_project: str = ""
    """"" or no WANDB_API_KEY: no Weights & Biases."""


class Counts(Section):
    """Recordings that a release has, and so a full run must see."""

    train: PositiveInt
    val: PositiveInt


class Config(Section):
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    kind: Literal["smoke", "full"]
    strict_env: bool = False
    """Refuse to start where BGB_LIMIT_FILES is set for a full run, rather than removing it."""
    data: Data = Data()
    preprocessing: Preprocessing = Preprocessing()
    cache: Cache = Cache()
    model: Model = Model()
    training: Training = Training()
    postprocessing: Postprocessing = Postprocessing()
    evaluation: Evaluation = Evaluation()
    tracking: Tracking = Tracking()
    expect: dict[str, Counts] = {}

    @model_validator(mode="after")
    def _is_consistent(self) -> "Config":
        if self.kind == "full" and (self.data.limit_files or self.data.limit_val_files):
            raise ValueError(
                "a full run takes all recordings: leave data.limit_files and data.limit_val_files out, "
                "or say kind: smoke"
            )
        if self.kind == "smoke" and not (self.data.limit_files and self.data.limit_val_files):
            raise ValueError("a smoke run needs data.limit_files and data.limit_val_files")
        default = Data.model_fields["holdout_val_files"].default
        if self.data.split == "official" and self.data.holdout_val_files != default:
            raise ValueError(
                "data.holdout_val_files is for data.split: holdout; official takes the dev folder"
            )
        if self.data.release and self.data.release not in self.expect:
            known = ", ".join(self.expect) or "none"
            raise ValueError(f"data.release: {self.data.release} is not among expect's releases ({known})")
        if self.preprocessing.high_hz >= self.preprocessing.rate_hz / 2:
            raise ValueError("preprocessing.high_hz must lie below half of preprocessing.rate_hz")
        if self.preprocessing.low_hz >= self.preprocessing.high_hz:
            raise ValueError("preprocessing.low_hz must lie below preprocessing.high_hz")
        return self
