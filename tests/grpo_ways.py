"""One step of GRPO done TRL's own way and ours: its trainer on the same rows, and what is compared of both."""

import viper.models.torchvision_shim  # noqa: F401  (before transformers touches torchvision)

import torch  # isort: skip
from trl import GRPOTrainer

from viper.bench.grpo import Unwritten

ROLLOUTS = 3  # responses a prompt


def build_stock(model, processor, dataset, function, config):
    """TRL's own GRPOTrainer, which reads rows with their pictures; arguments as of `grpo.build_trainer`."""
    function.rollouts = Unwritten(function.rollouts.group_size)
    return GRPOTrainer(
        model=model, processing_class=processor, train_dataset=dataset, reward_funcs=function, args=config
    )


def sampled(trainer, groups=2):
    """Responses to the first prompts of a trainer's rows, as it samples and scores them."""
    torch.manual_seed(5)
    return trainer._generate_and_score_completions(
        [trainer.train_dataset[i] for i in range(groups) for _ in range(ROLLOUTS)]
    )


def loss_and_gradients(trainer, batch):
    """The loss of sampled responses, and the gradient of every weight that has one."""
    trainer.model.zero_grad()
    loss = trainer._compute_loss(trainer.model, batch)
    loss.backward()
    return loss.detach(), {n: p.grad.clone() for n, p in trainer.model.named_parameters() if p.grad is not None}


def chosen(batch, rows):
    """Some rows of a scored batch, in that order, with the images that TRL's own trainer puts into it."""
    count = len(batch["prompt_ids"])
    picked = {
        name: value[rows] if isinstance(value, torch.Tensor) else [value[row] for row in rows]
        for name, value in batch.items()
        if not isinstance(value, torch.Tensor) or (value.ndim and len(value) == count)
    } | {"num_items_in_batch": batch["num_items_in_batch"]}
    if "num_images" in batch:
        images = torch.arange(sum(batch["num_images"])).split(batch["num_images"])
        kept = torch.cat([images[row] for row in rows])
        grid = batch.get("image_grid_thw")
        pixels = batch["pixel_values"].split(1 if grid is None else grid.prod(-1).tolist())
        picked["pixel_values"] = torch.cat([pixels[i] for i in kept])
        if grid is not None:
            picked["image_grid_thw"] = grid[kept]
    return picked
