from dataclasses import dataclass

import yaml


@dataclass
class TrainingArguments:
    run_name: str
    dataset: str
    learning_rate: float = 0.1
    max_steps: int = 100
    save_steps: int = 50
    output_dir: str = "/checkpoints"


def load_arguments(path: str) -> TrainingArguments:
    with open(path) as file:
        return TrainingArguments(**yaml.safe_load(file))
