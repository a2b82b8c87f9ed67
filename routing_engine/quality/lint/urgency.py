"""Whether the wording of a rule says that waiting does harm."""

from __future__ import annotations

import re

from routing_engine.model.rules import RuleText

__all__ = ["words_of_urgency"]

_URGENT = re.compile(
    r"\b(?:"
    r"emergenc(?:y|ies)|urgent(?:ly)?(?! care)|danger(?:s|ous|ously)?|hazard(?:s|ous)?"
    r"|life[- ]threatening|threat(?:s|en\w*)? (?:to )?(?:life|people|property|someone|somebody)"
    r"|(?:life|lives|people|somebody|someone) (?:is |are )?(?:at|in) (?:risk|danger)"
    r"|(?:can(?:not|'t|’t| not)|(?:must|will) not|won['’]t) wait|(?:right|straight) (?:away|now)"
    r"|immediate(?:ly)?|this (?:very )?(?:moment|minute)"
    r"|gas (?:smell|leak|odou?r)s?|(?:smell|leak)(?:s|ing)? (?:of )?gas|carbon monoxide"
    r"|smoke|spark(?:s|ing)|(?:on|catch(?:es)?|caught) fire|(?:a|the) fire(?! department)"
    r"|electric(?:al)? shock|flood(?:s|ed|ing)?|burst (?:pipe|tank|hose)s?|sewage"
    r"|bleeding|(?:can['’]t|cannot|trouble|difficulty|stopped) breath(?:e|ing)|chest pain"
    r"|signs of (?:a )?stroke|seizure|overdose[ds]?|suicid\w+|unconscious"
    r"|(?:is|are|has been|have been|gets) (?:badly )?(?:injured|hurt)|trapped|stranded|assault(?:ed)?"
    r"|standstill|outage|(?:business|production|operation|operations|system|systems) "
    r"(?:(?:is|are|has|have) )?(?:stopped|down|halted|stands? still)"
    r")\b",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"\b(?:no|not|non|nothing|nobody|never|without|isn['’]t|than)\b[- ]?(?:(?!and |but )\w+[ -]){0,3}$"
    r"|\bafter (?:an? |the )?$",
    re.IGNORECASE,
)
_OVER = re.compile(r"^(?:,? (?:being |is |that is )?(?:over|out)\b)", re.IGNORECASE)


def words_of_urgency(rule: RuleText) -> str | None:
    """Return the words of a rule's label or ``when`` that say emergency, danger or standstill.

    What is denied ("a fault that is no danger") or over ("the danger being over") says none of
    it. None where nothing does.
    """
    for text in (rule.label, rule.when):
        for found in _URGENT.finditer(text):
            before, after = text[: found.start()], text[found.end() :]
            if not _DENIED.search(before) and not _OVER.match(after):
                return found[0]
    return None
