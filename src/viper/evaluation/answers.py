"""From a model's completion to the answer that VLMEvalKit may see.

VLMEvalKit's extraction is easily misled: it reads tags, reasoning and articles as part of the answer, some benchmarks
take the first capital letter, others the last, and "B or C" may count as either (tests show how). So one reader, for
all benchmarks, stands before it: it hands over a form that the official scoring certainly reads as meant, or one that
it certainly counts as wrong. Everything else of the scoring is VLMEvalKit's.

What is read is the text inside <answer> (`viper.completion.final_text`), without marks of emphasis and quotes. The same
goes for all kinds of questions:

- *Packing.* Of a JSON (or Python) object, the value of "answer", "option", "choice" or "letter" is the answer; a fence
  of ``` around it falls off.
- *Conclusions.* Where a label says what the answer is ("The answer is …", "Answer: …", "option: …", \\boxed{…}, the
  word in some other languages), the rest of that line or sentence is what is read, whatever stands before. Conclusions
  must agree; one that says "final" goes before all others. "The answer is not …" and "… is clear" are none.
- *Explanations.* What follows "because", "since", "due to", ", as" or "Explanation:" is not read, where something is
  named before it.
- *Negations.* What is negated ("not A", "isn't A", "rather than A", "instead of A", "A is wrong") is no answer; what is
  left is read. One and the same said and negated is ambiguous, and so is an answer of nothing but negations.

**Multiple choice** (`read_choice`). An answer names an option by its letter or by its text:

1. It is a letter of an option and nothing else; in lower case too, unless that is another option's text.
2. It is an option's text, ignoring case, an article before it and a mark at its end. This goes before 3: "A blue dog"
   is the option "blue dog", whichever letter that has.
3. It is a letter with an option's text behind it ("B. red", "(B) red", "B red"): the text must be that letter's.
4. A line of its own holds 1, 2 or 3, and no other line names another: the rest explains it, unless one of its lines
   takes it back ("or C", "Wait, …").
5. It holds exactly one letter that stands by itself. "A" before another word is the article, unless that word is a
   verb, preposition or conjunction ("A because", "A is"), or "option" stands before it. In lower case a letter counts
   in brackets or behind "option", "answer", "choice", "letter".
6. It holds no letter, but exactly one option's text, as whole words, a number with its sign, decimals and fraction; of
   texts that lie within each other the longest counts. As VLMEvalKit has it, an answer that is more than twice as long
   as all options together is not searched. Where the benchmark wants nothing but letters (MME-RealWorld), texts do not
   count in 2 and 6.

It is *ambiguous* where it names several options ("B or C", "Both C and B"), where letter and text disagree ("B. blue",
when blue is C), and where two options have the same text. It names *none* otherwise.

**Yes/no** (`read_yes_or_no`). It begins with Yes or No, or has one of them as a word. A "no" that stands before another
word, not at the beginning, is no answer beside a yes ("Yes, there is no ring"); "no doubt", "no idea" and the like
are not looked at. Both is ambiguous.

**Short answers** (`read_text`) are handed over as they are, without label, quotes and emphasis around them, and without
an explanation that says it is one. Words are not weighed: a negation may be the answer.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from viper.completion import final_text

# VLMEvalKit's own sign for "none of the options". An empty prediction would count as A in MME-RealWorld and stop CRPE.
NO_ANSWER = "Z"
# The same for short answers, where "Z" may be right.
NO_TEXT = "(no answer)"

Kind = Literal["choice", "letter", "yes/no", "text"]
# exact: the answer is the letter, Yes/No or short answer and nothing else; letter, word: it was taken out of more text;
# text: the option's own text; the last two are wrong in every benchmark.
How = Literal["exact", "letter", "word", "text", "ambiguous", "none"]
UNREADABLE = ("ambiguous", "none")


@dataclass(frozen=True)
class Reading:
    """What an answer was read as: what is handed to the scorer, and how it was found."""

    answer: str
    how: How


_AMBIGUOUS, _NONE = Reading(NO_ANSWER, "ambiguous"), Reading(NO_ANSWER, "none")

# Each of these takes linear time: nothing here repeats what may repeat itself.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]")
_FENCE = re.compile(r"```(?:json|python|text|txt|markdown)?[ \n]\s*")
_FIELD = re.compile(
    r"""(["'])(?:final[ _]?)?(?:answer|option|choice|letter)\1\s{0,9}:\s{0,9}"""
    r"""(?:"((?:[^"\\\n]|\\.){0,2000})"|'((?:[^'\\\n]|\\.){0,2000})'|([^\s,{}\[\]"']{1,300}))(?=\s{0,9}[,}])""",
    re.IGNORECASE,
)
_COMMAND = re.compile(r"\\(?:fbox|underline|text\w{0,2}|math\w{2})\s?\{([^{}]{0,300})\}")
_BOXED = re.compile(r"\\boxed\s?\{([^{}]{0,300})\}")
_TAG = re.compile(r"</?[a-z]{1,6}>|\\[()\[\]]|(?m:^ {0,3}(?:#{1,6}|[-•>]) )")
_EMPHASIS = re.compile(r"(?<![\w*_`])[*_`]+|[*_`]+(?![\w*_`])|[\"“”„«»]")
_QUOTED = re.compile(r"(?<!\w)['‘](\w{1,3})['’](?!\w)")
_FORMULA = re.compile(r"\$([^$\n]{1,300})\$")
_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_BETWEEN_SCRIPTS = re.compile(
    "(?<=[\u3040-\u30ff\u3400-\u9fff])(?=[A-Za-z0-9-])|(?<=[A-Za-z0-9])(?=[\u3040-\u30ff\u3400-\u9fff])"
)
_MARKS = " .,:;!?()[]{}'‘’。、\n"
_LABELS = r"(?:answer|réponse|reponse|antwort|respuesta|resposta|risposta|ответ)"
_IS = r"(?:is|would be|should be|must be|will be|est|ist|es|è|é)"
_CJK_LABELS = (
    "(?<![不没非])(?:答案|答え|回答|选项|選項|选择|選擇|选(?![项择])|選(?![項擇]))(?:应该|应)? ?(?:是|为|為|は)?"
)
_CONCLUSION = re.compile(
    rf"(?:\b(final )?(?:{_LABELS}|option|choice|letter|conclusion)\b['’]?(?: (?:corr|exact|final)\w{{0,9}})?"
    rf"(?: {_IS}\b(?: ?:)?| ?[:=]|(?= ?\n))|{_CJK_LABELS} ?:?) ?"
    # neither a negation nor a judgement says what the answer is
    r"(?![ :=]{0,3}(?:(?:not|neither|pas|nicht|correct|incorrect|right|wrong|true|best)\b|clear|obvious|evident|easy"
    r"|simple|straightforward|不|是? ?(?:正确|对|错)))",
    re.IGNORECASE,
)
_MOST_CONCLUSIONS = 20
_SENTENCE_END = re.compile(r"[.!?;](?=\s)|\n|。")
_LONGEST_CONCLUSION = 300
_EXPLANATION = r"(?:explanation|reason|reasoning|rationale|justification)"
_REASON = re.compile(
    rf"\b(?:because\b|since\b|due to\b|(?<=, )as\b|{_EXPLANATION}(?= ?:| ?\n))|因为|解释 ?:|理由 ?:", re.IGNORECASE
)
_TAKES_BACK = re.compile(
    r"(?:and|or|nor|no|not|wait|actually|sorry|correction|hmm|but|maybe|alternatively)\b", re.IGNORECASE
)
_NOT_AVAILABLE = re.compile(r"\bn/a\b", re.IGNORECASE)
_LETTER = re.compile(r"(?<![\w'’-])(?<!\w\.)[A-Z](?![\w'’])(?!-\w)(?!\.\w)")
_SMALL_LETTER = re.compile(r"\b(?i:option|answer|choice|letter)[ :]{1,2}\(?([a-z])(?![\w'’-])|[(\[]([a-z])[)\]]")
_AFTER_A_LETTER = re.compile(
    r" (?:is|are|was|were|has|have|and|or|nor|but|because|since|as|for|in|on|at|of|to|with|from|by|due|given|which|"
    r"that|seems|looks|shows|matches|fits|would|should|could|can|must|if|not|isn|than|over|instead|rather)\b"
)
_BEFORE_A_LETTER = re.compile(r"\b(?:option|answer|choice|letter|choose|pick|select|chose|picked|selected)s? ?[(:]?\Z")
_NEGATION = re.compile(
    r"(?:\b(?:not|no|never|neither|nor|without|except|cannot|than|excluding|instead of|pas|nicht)|n['’]t"
    r"|不是|不选|而非|并非)"
    r"(?: (?!(?:but|so|then|is|it|therefore|hence|thus)\b)[\w(]+){0,2} ?\(?\Z"
)
_NEGATED_LIST = re.compile(r"\b(?:neither|except|excluding)\b(?:(?!\bbut\b)[^.;\n])*\Z")
_REFUSAL = re.compile(
    r"['’)\]]{0,2} (?:(?:is|are|was|were|seems|looks|would be|must be|can be) (?:clearly |also |obviously )?"
    r"(?:wrong|incorrect|false|excluded|eliminated|ruled out|out\b)"
    r"|(?:is|are|was|were)(?: not|n['’]t) (?:the )?(?:right|correct|true|answer|possible|it\b)"
    r"|(?:can ?not|can['’]t) be\b)"
)
_LETTER_AND_TEXT = re.compile(r"[(\[]?([A-Z])(?:[)\].:,]+ ?| ?[-–—:] | )(?=\S)")
_ARTICLE = re.compile(r"(?:a|an|the) (?=.)")
_IDIOM = re.compile(
    r"\bno (?:doubt|question|idea|clue|problem|wonder|matter|longer)\b|\bwithout (?:a |any )?(?:doubt|question)\b",
    re.IGNORECASE,
)
_YES_NO = re.compile(r"(?<![\w'’-])(?:yes|no)(?![\w'’-])", re.IGNORECASE)
_OPTION_LINE = re.compile(r"^[ \t]*\(?([A-Z])[).:][ \t]+(\S[^\n]*)$", re.MULTILINE)
_LABEL = re.compile(
    rf"(?:(?:the|my|final|correct|short|la|die) ){{0,3}}{_LABELS}(?: {_IS}\b ?:?| ?:)"
    rf"|(?:正确)?{_CJK_LABELS} ?[:：]?(?<=[是为為は:：])",
    re.IGNORECASE,
)
_EXPLAINED = re.compile(rf"(?:\n\s*|[.!?] +)\**{_EXPLANATION}\** ?:.*", re.IGNORECASE | re.DOTALL)
_AROUND = (("**", "**"), ("__", "__"), ("*", "*"), ("_", "_"), ("`", "`"), ('"', '"'), ("'", "'"), ("“", "”"),
           ("$", "$"), ("\\boxed{", "}"), ("\\text{", "}"), ("\\(", "\\)"))  # fmt: skip
_MOST_LAYERS = 8


def read(completion: str, kind: Kind, options: Mapping[str, str]) -> Reading:
    """Read a completion to a question of a `kind`, with its options (letter → text; none for yes/no and short answers).

    See this module's text for the rules.
    """
    answer = final_text(completion)
    if kind == "yes/no":
        return read_yes_or_no(answer)
    if kind == "text":
        return read_text(answer)
    return read_choice(answer, options, letters_only=kind == "letter")


def read_choice(answer: str, options: Mapping[str, str], *, letters_only: bool = False) -> Reading:
    """The letter of the option that an answer names.

    Args:
        letters_only: an option's text does not stand for its letter.
    """
    plain = _plain(_unpacked(answer))
    if not plain:
        return _NONE
    found = {_named(scope, options, letters_only) for scope in _scopes(plain, options)}
    letters = {reading.answer for reading in found} - {NO_ANSWER}
    if _AMBIGUOUS in found or len(letters) > 1:
        return _AMBIGUOUS
    if not letters:
        return _NONE
    (letter,) = letters
    if answer.strip() == letter:
        return Reading(letter, "exact")
    return Reading(letter, "letter" if Reading(letter, "letter") in found else "text")


def read_yes_or_no(answer: str) -> Reading:
    """'Yes' or 'No', where an answer says one of them."""
    plain = _plain(_unpacked(answer))
    found = {_yes_or_no(scope) for scope in _scopes(plain, {})} if plain else set()
    said = found - {None}
    if len(said) != 1 or "both" in said:
        return _AMBIGUOUS if said else _NONE
    (word,) = said
    return Reading(word, "exact" if answer.strip().lower() == word.lower() else "word")


def read_text(answer: str) -> Reading:
    """A short answer, without what stands around it."""
    text = _EXPLAINED.sub("", _unpacked(_INVISIBLE.sub("", answer).strip()), count=1)
    for _ in range(_MOST_LAYERS):
        text = _unwrapped(text)
    if not text.strip(".!?*_-–— "):
        return Reading(NO_TEXT, "none")
    return Reading(text, "exact" if text == answer.strip() else "text")


def _unwrapped(text: str) -> str:
    """The text without one layer of label, quotes or emphasis around it."""
    if label := _LABEL.match(start := text.lstrip("*_ ")):
        return start[label.end() :].strip("*_ \n")
    core = text.rstrip(".!")
    for left, right in _AROUND:
        if len(core) > len(left + right) and core.startswith(left) and core.endswith(right):
            return core[len(left) : -len(right)].strip()
    return text


def options_in(question: str) -> dict[str, str]:
    """The options that stand in a question's own text (CRPE), one per line: 'A. text'."""
    found = dict(_OPTION_LINE.findall(question))
    return found if len(found) > 1 else dict.fromkeys("ABCD", "")


def _unpacked(answer: str) -> str:
    """The answer without a fence of ``` around it; of an object with keys, the values under a label, one per line."""
    text = answer.strip()
    if (fence := _FENCE.match(text)) and text.endswith("```"):
        text = text[fence.end() : -3].strip()
    if text.startswith("{") and text.endswith("}") and (fields := list(_FIELD.finditer(text))):
        values = (field[2] or field[3] or field[4] or "" for field in fields)
        return "\n".join(dict.fromkeys(re.sub(r"\\([\"'\\/])", r"\1", value).strip() for value in values))
    return text


def _plain(text: str) -> str:
    """The text without marks of emphasis, quotes and invisible characters, wide letters narrow, blanks single."""
    text = unicodedata.normalize("NFC", _INVISIBLE.sub("", text)).translate(_WIDE)
    for _ in range(3):
        text = _COMMAND.sub(r"\1", text)
    text = _BETWEEN_SCRIPTS.sub(" ", _BOXED.sub(r"\nanswer: \1\n", text))
    text = _QUOTED.sub(r"\1", _FORMULA.sub(r"\1", _EMPHASIS.sub("", _TAG.sub("", text))))
    return "\n".join(line for part in re.split(r"[\r\n]+", text) if (line := " ".join(part.split())))


def _scopes(plain: str, options: Mapping[str, str]) -> list[str]:
    """What is to be read: what follows each conclusion, to the end of its sentence; the whole text where there is none.

    "Answer: B. red" goes on to the option's text.
    """
    scopes = []
    conclusions = list(_CONCLUSION.finditer(plain))
    final = [match for match in conclusions if match[1]]
    for match in (final or conclusions)[-_MOST_CONCLUSIONS:]:
        start = match.end() + (plain[match.end() : match.end() + 1] == "\n")
        rest = plain[start : start + _LONGEST_CONCLUSION]
        first, *more = _SENTENCE_END.split(rest)
        if len(first.strip(_MARKS)) == 1 and more and _equal(more[0], options):
            first = rest[: len(first) + 1 + len(more[0])]
        scopes.append(first)
    return [scope for scope in scopes if scope.strip(_MARKS)] or [plain]


def _named(scope: str, options: Mapping[str, str], letters_only: bool) -> Reading:
    """What one piece of text names."""
    if alone := _named_alone(scope, options, letters_only):
        return alone
    lines = scope.split("\n")
    if alone := {reading for line in lines if (reading := _named_alone(line, options, letters_only))} - {_NONE}:
        if len({reading.answer for reading in alone}) > 1:
            return _AMBIGUOUS
        if not any(map(_TAKES_BACK.match, lines)):
            return max(alone, key=lambda reading: reading.how == "letter")
    spans = list(_texts_in(scope, options))
    reason = _REASON.search(_without(scope, spans))
    for found, how in (
        (list(_letters_in(scope, options, spans)), "letter"),
        ([] if letters_only or len(scope) > 2 * sum(map(len, options.values())) else spans, "text"),
    ):
        before = [each for each in found if reason is None or each[1] < reason.start()]
        if found := before or (found if how == "letter" else []):
            refused = {named for named, start, end in found if _is_refused(scope, start, end)}
            said = {named for named, start, end in found if not _is_refused(scope, start, end)}
            is_one = len("".join(said)) == 1 and not said & refused
            return Reading(said.pop(), how) if is_one else _AMBIGUOUS
    return _NONE


def _named_alone(text: str, options: Mapping[str, str], letters_only: bool) -> Reading | None:
    """What a text names that is a letter, an option's text or both, and nothing else; None where it says more."""
    bare = text.strip(_MARKS + "-–—")
    if bare in options:
        return Reading(bare, "letter")
    if len(bare) == 1 and bare.upper() in options:
        same = {letter for letter, option in options.items() if _words(option) == bare} | {bare.upper()}
        return Reading(bare.upper(), "letter") if len(same) == 1 else _AMBIGUOUS
    if same := _equal(text, options):
        if len(same) > 1:
            return _AMBIGUOUS
        return _NONE if letters_only else Reading(same, "text")
    if (match := _LETTER_AND_TEXT.match(text)) and match[1] in options:
        rest = text[match.end() :]
        rest = rest[: reason.start()] if (reason := _REASON.search(rest)) else rest
        if same := _equal(rest, options):
            return Reading(match[1], "letter") if match[1] in same else _AMBIGUOUS
    return None


def _equal(said: str, options: Mapping[str, str]) -> str:
    """The letters of the options whose text this is; first with its article, then without."""
    words, short = _words(said), _no_article(said)
    exact = [letter for letter, text in options.items() if text and _words(text) == words]
    return "".join(exact or [letter for letter, text in options.items() if text and _no_article(text) == short])


def _words(text: str) -> str:
    """A text as it is compared."""
    plain = _plain(text).lower().replace("\n", " ").replace("\u2212", "-")
    return plain.lstrip(" ([{'‘").rstrip(_MARKS)


def _no_article(text: str) -> str:
    return _ARTICLE.sub("", _words(text), count=1) if _ARTICLE.match(_words(text)) else _words(text)


def _texts_in(scope: str, options: Mapping[str, str]) -> list[tuple[str, int, int]]:
    """Where options' texts stand as whole words: letters of the option (several, where two have that text), span."""
    by_text: dict[str, str] = {}
    for letter, text in options.items():
        if words := _no_article(text):
            by_text[words] = by_text.get(words, "") + letter
    folded = scope.lower().replace("\u2212", "-")
    if not by_text or len(folded) != len(scope):  # one letter of Turkish grows: such an answer is only compared whole
        return []
    longest_first = sorted(by_text, key=len, reverse=True)
    found = re.finditer("|".join(map(_as_words, longest_first)), folded)
    return [(by_text[" ".join(match[0].split())], match.start(), match.end()) for match in found]


def _as_words(text: str) -> str:
    """A pattern of an option's text as whole words, where a number at its ends is the whole number."""
    words = r"\s".join(map(re.escape, text.split()))
    before = (
        r"(?<!\d[.,:/])(?<![-+–±.])(?<!minus )(?<!negative )" if text[0].isdigit() else r"(?<!\d)" * (text[0] in "-+")
    )
    after = r"(?![.,:/–-]\d)(?! \d+/\d)" if text[-1].isdigit() else ""
    return rf"(?:(?<!\w){before}{words}(?!\w){after})"


def _letters_in(
    scope: str, options: Mapping[str, str], spans: list[tuple[str, int, int]]
) -> Iterator[tuple[str, int, int]]:
    """The letters of options that stand by themselves, outside of options' texts, with their spans."""
    rest = _NOT_AVAILABLE.sub("   ", _without(scope, spans))
    for match in _LETTER.finditer(rest):
        start, end = match.span()
        if match[0] not in options:
            continue
        is_before_a_word = match[0] in "AI" and re.match(r" [0-9A-Za-z\u00c0-\u024f]", scope[end : end + 2])
        is_letter = _AFTER_A_LETTER.match(scope, end) or _BEFORE_A_LETTER.search(
            scope[max(0, start - 20) : start].lower()
        )
        if not is_before_a_word or is_letter:
            yield match[0], start, end
    for match in _SMALL_LETTER.finditer(rest):
        letter = (match[1] or match[2]).upper()
        is_article = match[1] == "a" and re.match(r" \w", scope[match.end() : match.end() + 2])
        if letter in options and not is_article:
            yield letter, match.start(1) if match[1] else match.start(), match.end()


def _without(scope: str, spans: list[tuple[str, int, int]]) -> str:
    """The text with options' own texts blotted out, so that places stay; one letter alone is no such text."""
    pieces, place = [], 0
    for _, start, end in spans:
        if end - start > 1:
            pieces += [scope[place:start], "\0" * (end - start)]
            place = end
    return "".join([*pieces, scope[place:]])


def _is_refused(scope: str, start: int, end: int) -> bool:
    """Whether what stands there is negated: at most two words before it, in a list after "neither", or right behind."""
    before = _IDIOM.sub(" ", scope[max(0, start - 60) : start].lower())
    return any(pattern.search(before) for pattern in (_NEGATION, _NEGATED_LIST)) or bool(_REFUSAL.match(scope, end))


def _yes_or_no(scope: str) -> str | None:
    """'Yes', 'No', or 'both'."""
    text = _IDIOM.sub(" ", scope).strip(_MARKS)
    found = [(match[0].capitalize(), match.start(), match.end()) for match in _YES_NO.finditer(text)]
    reason = _REASON.search(text)
    found = [each for each in found if reason is None or each[1] < reason.start()] or found
    if not found:
        return None
    if found[0][1] == 0:  # it begins with one of them: a "no" before another word says what there is none of
        found = [found[0], *(each for each in found[1:] if each[0] == "Yes" or not _is_determiner(text, each[2]))]
    refused = {word for word, start, end in found if _is_refused(text, start, end)}
    said = {word for word, start, end in found if not _is_refused(text, start, end)}
    return said.pop() if len(said) == 1 and not said & refused else "both"


def _is_determiner(text: str, end: int) -> bool:
    """Whether the "no" that ends here stands before another word."""
    return bool(re.match(r" (?!(?:and|or|but)\b)[^\W_]", text[end : end + 5]))
