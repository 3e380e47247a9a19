from pydantic import BaseModel, Field


class ForestConfig(BaseModel):
    trees: int = Field(ge=1)
    seed: int = 0
