"""Every setting of both trainings, typed. Unknown keys are errors, and each setting is read somewhere.

A test holds the second: a setting that nothing in the package reads is an error there.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, field_validator, model_validator

PositiveFloat = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(Section):
    """Which pictures, how they are divided, and at what size they are kept."""

    root: str = "cats"
    """Folder of class folders, below the data folder (`/data` on Modal, `--data DIR` here)."""
    synthetic: PositiveInt | None = None
    """So many drawn pictures of each class, and no folder at all: smoke runs."""
    labels: Literal["folders", "breeds", "species"] = "folders"
    """Classes: the folders themselves, Oxford's 12 cat breeds and "other", or cat against dog."""
    size: Annotated[int, Field(ge=16, le=1024)] = 128
    """Pixels a side of what a model sees."""
    stored_size: Annotated[int, Field(ge=16, le=2048)] | None = None
    """Pixels a side of what the cache keeps and batches hold; more than `size` is room for random crops."""
    val_share: Annotated[float, Field(ge=0, lt=1)] = 0.1
    test_share: Annotated[float, Field(ge=0, lt=1)] = 0.1
    seed: int = 0
    """Of the division into training, validation and test."""
    limit_images: PositiveInt | None = None
    """At most so many pictures, spread over the classes: quick runs."""
    cache: str = ""
    """Folder of the decoded pictures; "": `.tiny_cats` in the pictures' own folder."""

    @property
    def side(self) -> int:
        """Pixels a side of a batch's pictures, before they are cropped to `size`."""
        return self.stored_size or self.size

    @model_validator(mode="after")
    def _is_consistent(self) -> "Data":
        if self.side < self.size:
            raise ValueError(
                f"stored_size {self.stored_size} is below size {self.size}: make it the same or more"
            )
        if self.val_share + self.test_share >= 1:
            raise ValueError("val_share and test_share leave nothing to train on: lower them")
        return self


class ClassifierModel(Section):
    preset: Literal["resnet18", "resnet34"] = "resnet18"
    weights: Literal["scratch", "imagenet"] = "scratch"
    """`imagenet`: start from timm's; needs timm, and the network once."""
    stem: Literal["imagenet", "small"] = "imagenet"
    """`small`: a first layer of 3x3 without strides, for pictures under about 100 px."""


class ClassifierLoss(Section):
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """The share of the target that all classes get (Szegedy et al. 2016, arXiv 1512.00567, section 7)."""
    balanced: bool = False
    """Weigh each picture by the inverse of its class's share of the training pictures."""


class Augmentation(Section):
    """What is done to training pictures, beside mirroring half of them."""

    crop: Annotated[float, Field(gt=0, le=1)] = 0.35
    """The least share of a picture's area that a random crop keeps; 1: none."""
    jitter: Share = 0.3
    """By how much brightness, contrast and saturation are changed at most; 0: not at all."""
    cutout: Share = 0.0
    """Side of a square that is greyed out, as a share of the picture's (arXiv 1708.04552); 0: none."""
    mixup: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """At most this share of another picture is blended in, and of its class into the target; 0: none."""


class DitModel(Section):
    preset: Literal["tinydit_128", "tinydit_64", "tinydit_32"] = "tinydit_128"


class Training(Section):
    """What the loop of both trainings takes."""

    steps: PositiveInt = 10_000
    batch_size: PositiveInt = 64
    """Pictures a step."""
    micro_batch_size: PositiveInt | None = None
    """Pictures at a time, whose gradients are added up; none: the whole batch."""
    learning_rate: PositiveFloat = 1e-3
    weight_decay: NotNegative = 0.01
    warmup_steps: Annotated[int, Field(ge=0)] = 500
    grad_clip: PositiveFloat = 1.0
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    """`auto`: bf16 where the GPU has it."""
    compile: Literal["auto", "on", "off"] = "auto"
    """`auto`: torch.compile on GPUs."""
    seed: int = 0
    log_every_steps: PositiveInt = 50
    checkpoint_every_steps: PositiveInt = 1000
    validate_every_steps: PositiveInt = 1000
    keep_checkpoints: PositiveInt = 2

    @model_validator(mode="after")
    def _has_effects_only(self) -> "Training":
        if self.micro_batch_size and self.micro_batch_size > self.batch_size:
            raise ValueError(
                f"micro_batch_size {self.micro_batch_size} is above batch_size {self.batch_size}: "
                "it is a part of it"
            )
        return self

    @field_validator("compile", mode="before")
    @classmethod
    def _words_that_yaml_reads_as_booleans(cls, value: object) -> object:
        return {True: "on", False: "off"}[value] if isinstance(value, bool) else value


class Tracking(Section):
    """Optional; a tracker that fails is named once and never stops a run."""

    tensorboard: bool = True
    wandb_project: str = ""
    """"" or no WANDB_API_KEY: no Weights & Biases."""


class Base(Section):
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    data: Data = Data()
    training: Training = Training()
    tracking: Tracking = Tracking()


class ClassifierConfig(Base):
    model: ClassifierModel = ClassifierModel()
    loss: ClassifierLoss = ClassifierLoss()
    augment: Augmentation = Augmentation()

    @model_validator(mode="after")
    def _fits_together(self) -> "ClassifierConfig":
        if self.model.weights == "imagenet" and self.model.stem == "small":
            raise ValueError("model.weights: imagenet come with their first layer: take model.stem: imagenet")
        return self


class Flow(Section):
    """How TinyDiT learns: the path from noise to pictures, and the average that is kept of its weights."""

    label_dropout: Share = 0.1
    """Share of the pictures that lose their class: what guidance leads away from."""
    time_mean: float = 0.0
    """Of the normal number whose sigmoid is a time; below 0: more of them near noise."""
    time_deviation: PositiveFloat = 1.0
    mirror: bool = True
    """Half of the pictures as in a mirror; samples will be, too."""
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.9999
    """What the average keeps of itself a step, once it is warm."""
    ema_every_steps: PositiveInt = 10
    """Steps that one pass over the average stands for."""


class Sampling(Section):
    """The grids drawn on the way."""

    count: PositiveInt = 36
    steps: PositiveInt = 50
    solver: Literal["euler", "heun", "midpoint"] = "heun"
    guidance: NotNegative = 1.5
    """1: the class as learned, at half the work; above it: more like its class; 0: no class."""


class Gates(Section):
    """What a trained TinyDiT is held to at the end of its run."""

    enforced: bool = True
    """A run that does not pass has failed; `false`: the report says so, and nothing else happens."""
    pictures: Annotated[int, Field(ge=2)] = 500
    """Samples that are drawn and judged, at most as many as there are held-out pictures."""
    classifier: str = ""
    """Checkpoint of a classifier of the same classes, to name the samples' classes; "": not asked."""


class DitConfig(Base):
    model: DitModel = DitModel()
    flow: Flow = Flow()
    sampling: Sampling = Sampling()
    gates: Gates = Gates()

    @model_validator(mode="after")
    def _has_the_presets_size(self) -> "DitConfig":
        size = int(self.model.preset.removeprefix("tinydit_"))
        if self.data.size != size:
            raise ValueError(
                f"data.size: {self.data.size}, and {self.model.preset} draws {size} px: set {size}"
            )
        return self

    @model_validator(mode="after")
    def _learns_what_guidance_leads_away_from(self) -> "DitConfig":
        if self.flow.label_dropout == 0 and self.sampling.guidance != 1:
            raise ValueError(
                f"sampling.guidance: {self.sampling.guidance:g} leads away from pictures without a class, "
                "and flow.label_dropout: 0 trains none: raise it, or set the guidance to 1"
            )
        return self
