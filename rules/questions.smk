# What the paper leaves open: each question that the scale asks is a target of its name, whose rules stand in a file of its
# name below questions/. It makes tables, figures, and QUESTION_claims: its answers with their verdicts.
TOO_LARGE = {}  # question → what it makes below data/, besides its lineages' data sets

for question in QUESTIONS:

    include: f"questions/{question}.smk"


if QUESTIONS:

    rule gather_answers:
        """The answers to all open questions that are asked, each with its verdict and a sentence that may be quoted."""
        input:
            [L.table(question, f"{question}_claims") for question in QUESTIONS],
        output:
            claims=L.table("open_questions", "answers"),
            page=L.table("open_questions", "answers", ".md"),
        params:
            sections=["analysis"],
        shell:
            "python -m viper open-questions {input:q} --options {params.options:q} --output {output.claims:q}"
            " --page {output.page:q} > {log:q} 2>&1"

    rule question_pages:
        """The answers as pages of the report."""
        input:
            [rules.gather_answers.output.claims, *[L.table(question, f"{question}_claims") for question in QUESTIONS]],
        output:
            [
                report(
                    L.table("open_questions", f"{name}_page", ".html"),
                    caption="../docs/report/answers.rst",
                    category="Open questions",
                )
                for name in ["answers", *QUESTIONS]
            ],
        params:
            pages=lambda wildcards, output: repeated("--page", output),
            sections=[],
        shell:
            "python -m viper table-pages {input:q} {params.pages:q} > {log:q} 2>&1"

    rule open_questions:
        """What the paper leaves open: every question that the scale asks."""
        input:
            [path for question in QUESTIONS for path in getattr(rules, question).input],
            rules.gather_answers.output,
            rules.question_pages.output,
