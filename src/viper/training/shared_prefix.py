"""TRL's GRPOTrainer, running each prompt once per group instead of once per response.

A group's responses differ only after the prompt, and under causal attention the prompt's keys and values do not depend
on what follows. So they are computed once, images included, handed to every response, and gradients flow back through
them: the same loss and the same gradients at a fraction of the operations (Prefix Grouper, arXiv 2506.05433). The more
a prompt outweighs a response, the more this saves; with two images in the prompt it does so by far.

Everything that touches methods which TRL keeps to itself is in this file and in `prompts_once`.
"""

import torch
from trl.models import unwrap_model_for_generation

from viper.errors import ViperError
from viper.models.choosing import FromTorch
from viper.models.prompt_batch import FAMILIES, position_ids, prefill, selected
from viper.models.sampling import sample_responses
from viper.training.prompts_once import PromptsOnceGRPOTrainer

_GROUPS_BY_LENGTH = 4  # more would leave too few rows per pass
_REMEDY = "set shared_prefix: false in this phase to train with TRL's own steps"


def _by_length(mask: torch.Tensor) -> list[torch.Tensor]:
    """Rows of responses, (rows, tokens) mask, in a few groups of similar length, to waste less on padding."""
    order = mask.sum(1).argsort(stable=True)
    return list(order.tensor_split(min(_GROUPS_BY_LENGTH, max(1, len(order) // 4))))


class SharedPrefixGRPOTrainer(PromptsOnceGRPOTrainer):
    """Drop-in replacement of GRPOTrainer for one process. Arguments as there.

    Raises:
        ViperError: a family of models or a setting that it was not made for; see `PromptsOnceGRPOTrainer`.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        family = self.model.config.model_type
        unfit = {
            f"models of type {family} (known: {', '.join(FAMILIES)})": family not in FAMILIES,
            "several processes": self.accelerator.num_processes > 1,
            "gradient checkpointing, which keeps no cache": self.args.gradient_checkpointing,
            "vLLM": self.args.use_vllm,
            "top_k, top_p, min_p or a repetition penalty": (self.top_k or 0) > 0
            or self.top_p != 1.0
            or self.min_p is not None
            or self.repetition_penalty != 1.0,
        }
        for what, is_so in unfit.items():
            if is_so:
                raise ViperError(f"shared_prefix does not work with {what}: {_REMEDY}")

    def _get_per_token_logps_and_entropies(
        self,
        model,
        input_ids,
        attention_mask,
        logits_to_keep,
        batch_size=None,
        compute_entropy=False,
        compute_aux_loss=False,
        **_,
    ):
        """Log-probabilities and entropies of the response tokens, (rows, logits_to_keep) each, as the original's.

        Entropies only where they are asked for: TRL's reference model, that of a KL term, does not tell them.
        `batch_size` bounds the rows of one pass there; here all rows go through at once, their prompts being shared.
        """
        length = input_ids.shape[1] - logits_to_keep
        used = list(dict.fromkeys(self._place))
        shared = self._prompts_of(used)
        place = torch.tensor([used.index(number) for number in self._place], device=input_ids.device)
        positions = position_ids(model, shared, logits_to_keep)
        log_probs = torch.zeros(len(input_ids), logits_to_keep, device=input_ids.device)
        entropies = torch.zeros_like(log_probs) if compute_entropy else None
        with self.accelerator.autocast():
            cache = prefill(model, shared, positions)
            for rows in _by_length(attention_mask[:, length:]):
                # The last token of the prompt comes along: its output is the distribution of the first response token.
                last = length + int(attention_mask[rows, length:].sum(1).max())
                labels = input_ids.masked_fill(attention_mask == 0, -100)[rows, length - 1 : last]
                labels[:, 0] = -100
                outputs = model(
                    input_ids=input_ids[rows, length - 1 : last],
                    attention_mask=attention_mask[rows, :last],
                    position_ids=positions.index_select(-2, place[rows])[..., length - 1 : last],
                    past_key_values=selected(cache, place[rows]),
                    labels=labels,
                    fused_lm_head=True,
                )
                columns = torch.arange(last - length, device=rows.device)
                log_probs = log_probs.to(outputs.log_probs.dtype).index_put((rows[:, None], columns), outputs.log_probs)
                if compute_entropy:
                    entropies = entropies.to(outputs.entropy.dtype).index_put((rows[:, None], columns), outputs.entropy)
        return log_probs, entropies, None

    def _generate_single_turn(self, prompt_ids, images, multimodal_fields, num_generations, has_tool_images=False):
        """Token ids of one response per prompt, and None for log-probabilities, as the original."""
        with unwrap_model_for_generation(self.model_wrapped, self.accelerator) as model:
            responses = sample_responses(
                model,
                self._prompts,
                place=torch.tensor(self._place, device=self.accelerator.device),
                max_new_tokens=self.max_completion_length,
                choose=FromTorch(len(prompt_ids), self.temperature),
                end_tokens=list(self.eos_token_ids),
                suppressed=list(self.generation_config.suppress_tokens or []),
            )
        return responses, None
