"""Roll-out: which ruleset is in force for a record, and how a new one takes over in all workers.

The topic of rules is a log of one partition: rulesets, and what is done with them
(:mod:`.records`). Its order decides everything; no clock does. What it comes to is :mod:`.ledger`.

    publisher (:mod:`.publish`)                 worker (:mod:`.follow`)
    ruleset 7 ─────────────────────────────────▶ makes it ready in the background, says so
    prepare 7 ─────────────────────────────────▶ holds batches fetched from now on
    reads where each raw partition ends: the fences
    activate 7, fences ────────────────────────▶ decides by the fences, goes on

**Every worker switches at the same record.** A worker asks, after it has fetched a batch and before
it processes a record of it, where the log ends, and reads up to there. Let ``r`` be a record at or
past the fence of its partition. When the fence was read, ``r`` could not be read by anybody: fences
are high watermarks, and consumers get what is below them. ``prepare`` had been acknowledged by
then, so it was in the log. Whoever fetched ``r`` did so later, and asked for the log's end later
still: the end they got is past ``prepare``. So they know of ``prepare`` at least, and decide about
``r`` only when its outcome is in the log, which is the same for all. A record before the fence is
decided by what was in force before, whether its worker knows of the switch or not. (High
watermarks do not fall when a leader changes: KIP-207.)

**A publisher that dies stops nobody.** A worker that has held its batches for 150 ms says ``abort``
itself; of ``activate`` and ``abort`` the one that comes first in the log counts, for everybody.

**Shadow.** A ruleset may be tried before it is published (:mod:`.shadow`): each worker tries it on
some of the records it has done with, beside the one in force, and says on the topic of status how
often what would be hidden less or more (:mod:`.shadow_report`). Nothing that is made of events
changes. ``rules promote`` publishes a copy of it, unless something would be hidden less.

**Replays.** The log is kept whole, so a worker that starts, or reads again from the beginning,
finds for every offset the ruleset that decided it the first time. ``streamproc reprocess`` is no
replay: it corrects what earlier rulesets made, by the one that took over last.

**Before the first publication** no worker that follows the topic processes anything; the first
ruleset is in force from the beginning of every partition. So is every later one in partitions that
did not exist when it was published, and in a raw topic that is made anew under the same name: an
activation says which topic its fences are of, by Kafka's id of it, and workers ask for the id
whenever offsets of a partition begin, or fall. A topic of rules that is made anew, or loses
records, stops every worker that follows it, with nothing committed.

**Failures.** A record that is no statement is ignored, counted, and told once. A ruleset that a
worker cannot use is told by it, and then not activated; were it activated nevertheless, that worker
stops and commits nothing past the fence. With ``rules.follow = "folder"`` all this happens within
one worker (:mod:`.folder`).

Which rows were made by which ruleset: a row's fingerprint is that of rules, detectors and tracking
plan together; a published ruleset says both (``rows`` and ``fingerprint``), and every worker says
what it writes on rows in its status.

**Signatures.** Where `rules.signers` names whose statements count, all others are ignored as if
they were none (:mod:`.signatures`), but for a worker's ``abort``, which leaves in force what is.

``records``, ``ledger``, ``signatures``, ``status`` and ``shadow_report`` are pure. The rest imports
``kafka.control``, ``settings``, ``rules``, ``effects``, ``pipeline`` and ``assemble``; never
``flow`` or ``worker``.
"""

from streamproc.rollout.in_force import FixedRules, Part, RulesInForce
from streamproc.rollout.pipelines import Pipelines
from streamproc.rollout.start import current_ruleset, start_rules

__all__ = ["FixedRules", "Part", "Pipelines", "RulesInForce", "current_ruleset", "start_rules"]
