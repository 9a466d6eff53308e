"""TRL's GRPOTrainer, preparing each prompt once a group instead of twice a response.

TRL 1.16 lets its loader read every row, pictures decoded, for each response, and again for each pass of a step; it has
the processor make pixels of them twice, and keeps those of all responses on the device. Here the loader hands over the
numbers of rows. Where a step begins, each row is read and processed once, its pixels go to the device once, and every
pass picks those of its own rows: the same tokens, losses and gradients to the bit.

TRL is given prompts without pictures, and so has nothing to prepare. What it would have made of them is added where it
generates and where it computes log-probabilities: in the methods below, which it keeps to itself.
"""

from collections.abc import Sequence
from typing import Any

import torch
import trl
from datasets import Dataset
from packaging.version import Version
from trl import GRPOTrainer
from trl.data_utils import prepare_multimodal_messages

from viper.errors import ViperError
from viper.models.prompt_batch import PromptBatch
from viper.training.data import PICTURES, read_row, undecoded

_TRL = Version("1.16")  # major and minor version whose methods are overridden here and in `shared_prefix`
_NUMBER = "row"  # the one column that TRL's loader reads
_PLACE = "prompt_place"  # beside what TRL keeps of every response
_COUNTED = ("batch_num_images",)  # told where TRL generates; in the loss the model counts (`image_counts`)


class PromptsOnceGRPOTrainer(GRPOTrainer):
    """A GRPOTrainer on rows of images, prompt (chat, its text only) and what the reward reads. Arguments as there.

    Raises:
        ViperError: a version of TRL that it was not made for.
    """

    def __init__(self, *args: Any, train_dataset: Dataset, **kwargs: Any):
        if (found := Version(trl.__version__)).release[:2] != _TRL.release[:2]:
            raise ViperError(f"training by GRPO was written for TRL {_TRL}, not {found}: install that")
        self._rows = undecoded(train_dataset)
        numbers = Dataset.from_dict({_NUMBER: range(len(train_dataset))})
        super().__init__(*args, train_dataset=numbers, **kwargs)

    def _generate_and_score_completions(self, inputs: list[dict]) -> dict[str, Any]:
        """Responses and their scores as the original's, with the place of each one's prompt in `self._prompts`."""
        numbers = [each[_NUMBER] for each in inputs]
        rows = {number: read_row(self._rows, number) for number in dict.fromkeys(numbers)}
        pictures = {number: row.pop(PICTURES) for number, row in rows.items()}
        chats = [prepare_multimodal_messages(row["prompt"], images=pictures[number]) for number, row in rows.items()]
        self._prompts, kept = self._prepared(chats)
        place = dict(zip(rows, kept, strict=True))
        self._place = [place[number] for number in numbers]
        self._pictures = [pictures[number] or None for number in numbers]
        batch = super()._generate_and_score_completions([dict(rows[number]) for number in numbers])
        self._pictures = []
        return batch | {_PLACE: self._place}

    def _prepared(self, chats: list[list[dict]]) -> tuple[PromptBatch, list[int]]:
        """Distinct prompts on the device, and for every chat the place of its own among them."""
        tokenize = super()._tokenize_prompts
        ids, images, fields = zip(*(tokenize([chat]) for chat in chats), strict=True)
        self._is_counted = any(name in each for each in fields for name in _COUNTED)
        together = PromptBatch.joined(
            [tokens[0] for tokens in ids],
            [len(pictures[0]) if pictures else 0 for pictures in images],
            [{name: value for name, value in each.items() if name not in _COUNTED} for each in fields],
            padding=self._tokenizer.pad_token_id,
        )
        distinct, place = together.distinct()
        return distinct.to(self.accelerator.device), place.tolist()

    def _tokenize_prompts(self, prompts: list) -> tuple[list[list[int]], None, dict]:
        """Token ids of every response's prompt; pictures are added where they are needed."""
        ids = [row[mask.bool()].tolist() for row, mask in zip(self._prompts.ids, self._prompts.mask, strict=True)]
        return [ids[place] for place in self._place], None, {}

    def _generate_single_turn(
        self,
        prompt_ids: list,
        images: Any,
        multimodal_fields: dict,
        num_generations: int,
        has_tool_images: bool = False,
    ) -> tuple:
        """Responses as the original's, which is given the pictures here: decoded to vLLM, processed to transformers."""
        pictures = self._pictures if any(self._pictures) else None
        fields = {}
        if not self.use_vllm:
            prompts = self._prompts_of(self._place)
            counts = torch.tensor(prompts.images_per_row, device=prompts.ids.device)
            fields = prompts.fields | (dict.fromkeys(_COUNTED, counts) if self._is_counted else {})
        return super()._generate_single_turn(prompt_ids, pictures, fields, num_generations, has_tool_images)

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        """The loss as the original's, on the prompts that these responses answer."""
        self._place = inputs[_PLACE]
        return super()._compute_loss(model, inputs)

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        compute_aux_loss: bool = False,
        **_: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
        """As the original's, which is given the pixels of `batch_size` rows at a time."""
        size, parts = batch_size or len(input_ids), []
        for start in range(0, len(input_ids), size):
            rows = slice(start, start + size)
            prompts = self._prompts_of(self._place[rows])
            part = super()._get_per_token_logps_and_entropies(
                model,
                input_ids[rows],
                attention_mask[rows],
                logits_to_keep,
                compute_entropy=compute_entropy,
                compute_aux_loss=compute_aux_loss,
                num_images=prompts.images_per_row,
                num_tiles=prompts.pixels_per_row,
                **prompts.fields_with(logits_to_keep),
            )
            parts.append(part)
        log_probs, entropies, losses = zip(*parts, strict=True)
        return (
            torch.cat(log_probs),
            torch.cat(entropies) if compute_entropy else None,
            torch.stack(losses).mean() if compute_aux_loss else None,
        )

    def _prompts_of(self, place: Sequence[int]) -> PromptBatch:
        return self._prompts.select(list(place))
