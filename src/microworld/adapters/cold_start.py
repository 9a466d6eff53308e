"""Chain-of-thought samples that the truth writes: it lists the objects that matter, then answers without a mistake."""

from collections.abc import Iterator

import numpy as np

from microworld import grammar
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
        operations = sample_operations(rng, scene, int(rng.integers(1, 4)))
        other = apply_operations(scene, operations)
        if rng.random() < 0.7:
            answer = grammar.refinements(scene, other)
            objects = [thing for thing in scene.objects if thing not in other.objects]
            images, prompt = [scene], render(section.prompts, "csr", caption=grammar.caption(other))
        else:
            answer = [grammar.statement(operation) for operation in operations]
            objects = [operation.after or operation.before for operation in operations]
            images, prompt = [scene, other], render(section.prompts, "vop")
        if answer:
            yield {
                "images": [draw(image) for image in images],
                "prompt": prompt,
                "completion": completion.write(grammar.entities(objects), " ".join(answer)),
            }
