"""Names of experiments: each becomes targets, rules and files, and none may be made twice."""

from collections.abc import Iterable

# Rules and targets of rules/, beside those that experiments make; tests/config/test_names.py holds this to the files.
RULES = (
    "ablation_tables", "admission", "all", "assemble_datasets", "attention_table", "audit_steps", "audit_synthesis",
    "archive", "bench", "benchmarks", "calibrate_tau", "calibrate_tau_of_variant",
    "caption_images", "captions", "claims", "cold_samples", "collect_images", "cost",
    "critique_captions", "critiques", "dataset", "describe_datasets", "draw_images", "edit_images", "edits", "evaluate",
    "evaluate_base", "fetch", "fetch_benchmark", "fetch_benchmark_pictures", "fetch_model", "fetch_photographs",
    "fetch_pretrained", "figure_loop", "figure_main", "figures", "fit", "forecast_yield",
    "gather_answers", "ask_refinements", "judge_refinements", "diffusion_errors_tables", "figure_diffusion_errors",
    "inspection_page", "inspection_tables", "figure_inspection",
    "draw_probes", "probe_skills", "skill_table", "figure_skills",
    "draw_needles", "measure_needle", "needle_table", "figure_needle",
    "audit_generation", "draw_fresh_images", "figure_generations", "measure_generations",
    "hash_benchmark", "images", "judge_claims", "loop_examples", "make_benchmark",
    "measure_attention", "measure_base_models", "measure_edit_filter", "measure_fidelity", "measure_rows",
    "measure_size", "measure_speed", "open_questions", "operations",
    "pilot_images", "plan_operations", "plot_speed", "preflight", "preflight_node",
    "pretrain", "pretrain_checker",
    "pretrain_diffusion", "pretrain_latents", "pretrain_vlm", "question_pages", "reconstruct_images", "reconstructions",
    "refine_captions", "refinements", "report_pages", "reward_curves", "scores", "tables", "threshold",
    "timings", "train", "unpack_benchmark", "word_table",
    "audit_labels", "figure_labels", "labels_table",
    "audit_painters", "figure_painters", "fit_painters",
    "families_table", "fetch_families", "figure_families", "figure_objectives", "objectives_table", "pretrain_family",
    "figure_reward_audit", "reward_audit_rescored", "reward_audit_tables",
)  # fmt: skip
# Tables and figures that no experiment is named after, without suffix, and folders beside those of experiments.
FILES = (
    "diffusion_errors_answers", "diffusion_errors_habits", "diffusion_errors_pairs", "diffusion_errors_sycophancy",
    "inspection_agreement", "inspection_parts", "inspection_sheet", "inspection_truth",
    "admission", "answers", "attention", "attention_maps", "attention_pairs", "claims", "cost", "fidelity",
    "forecast", "loop", "loop_examples", "metrics", "predictions", "preflight", "report", "subdomains",
    "generations_runs",
    "synthesis_audit", "tau", "tau_pairs", "tau_roc",
    "timings", "wordcloud", "words",
    "skill_changes", "skill_curves", "skill_forest", "skill_panels",
    "needles", "needle_attention", "needle_shares",
    "ablation_labels", "ablation_labels_audit", "ablation_labels_claims", "ablation_labels_truth",
    "painter_fidelity", "painter_fidelity_audit", "painter_fidelity_claims", "painter_fidelity_gain",
    "painter_fidelity_line", "painter_fidelity_points",
    "families", "families_claims", "families_gains",
    "objectives", "objectives_claims", "objectives_curves", "objectives_gains",
    "reward_audit", "reward_audit_claims", "reward_audit_figure", "reward_audit_monitors", "reward_audit_probes",
    "reward_audit_rescored", "reward_audit_roc",
)  # fmt: skip
# What an experiment's tables and figures add to its name.
ENDINGS = ("", "_subdomains", "_claims", "_rewards", "_crossings", "_subdomain-bars", "_radar")
OWN_RULES = (
    "figure_attention",
    "figure_wordcloud",
    "ablation_labels",
    "painter_fidelity",
    "families",
    "objectives",
    "reward_audit",
)  # experiments with tables and a figure of other names


def collision(experiments: Iterable[str]) -> str | None:
    """The first name whose targets or files something else makes too, and how to mend it; None where there is none.

    Args:
        experiments: names of a scale's experiments.
    """
    rules, files = dict.fromkeys(RULES, "a rule or target"), dict.fromkeys(FILES, "a table or figure")
    for name in experiments:
        mine = [name, f"train_{name}", f"evaluate_{name}"]
        made = [] if name in OWN_RULES else [f"{name}{ending}" for ending in ENDINGS]
        mine += [f"plot_{stem.replace('-', '_')}" for stem in made[3:]]
        for wanted, taken in ((mine, rules), (made, files)):
            for each in wanted:
                if each in taken:
                    return f"{name}: '{each}' is made by {taken[each]} already: give the experiment another name"
        rules |= dict.fromkeys(mine, f"experiments.{name}")
        files |= dict.fromkeys(made, f"experiments.{name}")
    return None
