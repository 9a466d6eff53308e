"""LLaVA-OneVision is told how many images per row has, where its processor's word on that is lost."""

import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from viper.models.base import Chat
from viper.models.chats import messages
from viper.training.image_counts import count_images, images_per_row


def test_runs_of_placeholders_are_images():
    ids = torch.tensor([[9, 9, 1, 9, 2], [1, 2, 3, 4, 5], [1, 9, 9, 9, 2], [9, 1, 9, 1, 9]])
    assert images_per_row(ids, 9) == [2, 0, 1, 3]


def test_counted_images_are_those_of_the_processor(save_family, tmp_path):
    folder = save_family("llava_onevision", tmp_path)
    processor = AutoProcessor.from_pretrained(folder)
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()
    images = [Image.effect_noise((128, 96), 60).convert("RGB"), Image.new("RGB", (64, 96), "red")]
    chats = [Chat(images, "Compare."), Chat(images[:1], "Describe.")]
    inputs = processor.apply_chat_template(
        [messages(chat) for chat in chats], tokenize=True, return_dict=True, return_tensors="pt",
        add_generation_prompt=True, processor_kwargs={"padding": True},
    )  # fmt: skip
    with torch.no_grad():
        expected = model(**inputs).logits
        count_images(model)
        assert inputs.pop("batch_num_images").tolist() == [2, 1]
        assert torch.equal(model(**inputs).logits, expected)
