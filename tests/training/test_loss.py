"""TRL's loss, as we configure it, against the equation of docs/paper.md (Optimisation) written out by hand.

J = 1/G Σ_i 1/|o_i| Σ_t min(r_it A_i, clip(r_it, 1 − ε_low, 1 + ε_high) A_i),    A_i = (R_i − mean R) / std R
"""

import math
import statistics

import pytest
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from viper.models.pretrained import vision_token_ids
from viper.training import grpo
from viper.training.records import RolloutWriter

GROUPS, ROLLOUTS = 2, 3
LOW, HIGH = 0.2, 0.28


@pytest.fixture(scope="module")
def trainer_and_batch(toy, rows_of, reward, grpo_options, tmp_path_factory):
    """A trainer on the toy model, and one sampled and scored batch of two groups."""
    work = tmp_path_factory.mktemp("loss")
    options = grpo_options(
        epsilon_low=LOW, epsilon_high=HIGH, responses_per_pass=GROUPS * ROLLOUTS, max_completion_length=24
    )
    model = AutoModelForImageTextToText.from_pretrained(toy / "base", dtype=torch.float32)
    trainer = grpo.build_trainer(
        model,
        AutoProcessor.from_pretrained(toy / "base"),
        rows_of(("vop",), GROUPS),
        grpo.RewardFunction(reward, RolloutWriter(work / "rollouts.jsonl", 1, ROLLOUTS)),
        grpo.build_config(options, suppress_tokens=vision_token_ids(model.config), seed=0, work=work),
        [],
    )
    trainer.current_gradient_accumulation_steps = 1
    model.train()
    torch.manual_seed(1)
    scored = trainer._generate_and_score_completions([{"row": i} for i in range(GROUPS) for _ in range(ROLLOUTS)])
    return trainer, scored


def log_probabilities(trainer, batch):
    """(responses, tokens): log π(o_t | q, o_<t) from the model's own logits."""
    ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], dim=1)
    mask = torch.cat([batch["prompt_mask"], batch["completion_mask"]], dim=1)
    images = trainer._prompts_of(batch["prompt_place"]).fields_with(batch["completion_ids"].shape[1])
    with torch.no_grad():
        logits = trainer.model(input_ids=ids, attention_mask=mask, **images).logits
    start = batch["prompt_ids"].shape[1]
    scores = torch.log_softmax(logits[:, start - 1 : -1], dim=-1)
    return scores.gather(-1, batch["completion_ids"].unsqueeze(-1)).squeeze(-1)


def test_loss_is_the_papers(trainer_and_batch):
    trainer, batch = trainer_and_batch
    new = log_probabilities(trainer, batch)
    generator = torch.Generator().manual_seed(2)
    old = new + torch.empty_like(new).uniform_(-0.6, 0.6, generator=generator)
    advantages, mask = batch["advantages"], batch["completion_mask"]
    assert len({int(row.sum()) for row in mask}) > 1, "responses of one length cannot tell the two kinds of mean apart"

    per_response, clipped = [], {"low": 0, "high": 0}
    for i in range(GROUPS * ROLLOUTS):
        terms = []
        for t in range(int(mask[i].sum())):
            ratio, advantage = math.exp(new[i, t] - old[i, t]), float(advantages[i])
            terms.append(min(ratio * advantage, min(max(ratio, 1 - LOW), 1 + HIGH) * advantage))
            clipped["low"] += ratio < 1 - LOW and advantage < 0
            clipped["high"] += ratio > 1 + HIGH and advantage > 0
        per_response.append(statistics.fmean(terms))
    assert min(clipped.values()) > 0, "the clip must matter on both sides for this test to say anything"

    loss = trainer._compute_loss(trainer.model, batch | {"old_per_token_logps": old})
    assert loss.item() == pytest.approx(-statistics.fmean(per_response), abs=1e-6)


def test_gradient_on_policy_is_that_of_the_advantage_weighted_log_probability(trainer_and_batch):
    """With sampling and update by the same policy every ratio is 1, and only the gradient says anything."""
    trainer, batch = trainer_and_batch
    assert "old_per_token_logps" not in batch, "the extra forward pass for old log-probabilities is back"
    weight = trainer.model.get_input_embeddings().weight
    trainer.model.zero_grad()
    trainer._compute_loss(trainer.model, batch).backward()
    found = weight.grad.clone()

    trainer.model.zero_grad()
    log_probs, _, _ = trainer._get_per_token_logps_and_entropies(
        trainer.model,
        torch.cat([batch["prompt_ids"], batch["completion_ids"]], dim=1),
        torch.cat([batch["prompt_mask"], batch["completion_mask"]], dim=1),
        batch["completion_ids"].shape[1],
    )
    mask = batch["completion_mask"]
    objective = (batch["advantages"][:, None] * log_probs * mask).sum(1) / mask.sum(1)
    (-objective.mean()).backward()
    torch.testing.assert_close(found, weight.grad, rtol=1e-4, atol=1e-7)


def test_advantage_is_standardized_within_its_group(trainer_and_batch):
    trainer, batch = trainer_and_batch
    rewards = list(trainer._logs["rewards"]["reward"])
    for group in range(GROUPS):
        rows = range(group * ROLLOUTS, (group + 1) * ROLLOUTS)
        own = [rewards[i] for i in rows]
        expected = [(r - statistics.fmean(own)) / (statistics.stdev(own) + 1e-4) for r in own]
        assert [float(batch["advantages"][i]) for i in rows] == pytest.approx(expected, abs=1e-4)
