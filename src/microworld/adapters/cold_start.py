"""Chain-of-thought samples that the truth writes, in the way in which a base model looks closely, without a mistake.

Had they a form of their own, learning that form would be part of what a cold start is compared with.
"""

from collections.abc import Iterator

import numpy as np

from microworld import grammar
from microworld.base_models.tasks import careful_thought, operation_cells
from microworld.draw import render as draw
from microworld.operations import apply_operations, sample_operations
from microworld.scene import sample_scene
from viper import completion
from viper.config.training import ColdStart
from viper.prompts import render
from viper.training.cold_start import Sample


def samples(section: ColdStart, seed: int) -> Iterator[Sample]:
    """Endless samples in the paper's proportion: 7 of 10 refine a wrong caption, 3 tell two pictures apart."""
    rng = np.random.default_rng(seed)
    while True:
        scene = sample_scene(rng)
        operations = sorted(sample_operations(rng, scene, int(rng.integers(1, 4))), key=operation_cells)
        other = apply_operations(scene, operations)
        if rng.random() < 0.7:
            answer = grammar.refinements(scene, other)
            notes = grammar.notes(other, scene)
            images, prompt = [scene], render(section.prompts, "csr", caption=grammar.caption(other))
        else:
            answer = [grammar.statement(operation) for operation in operations]
            notes = grammar.notes(scene, other)[:-1]  # an operation leaves the background as it is
            images, prompt = [scene, other], render(section.prompts, "vop")
        if answer:
            yield {
                "images": [draw(image) for image in images],
                "prompt": prompt,
                "completion": completion.write(careful_thought(" ".join(notes)), grammar.reword(rng, " ".join(answer))),
            }
