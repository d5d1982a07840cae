"""What rules do to events, before they do it: cases to pass, explanations, differences.

    cases      events, and what has to become of them: a language for tests beside the rules
    trials     cases run through the real pipeline, and which rules none of them reaches
    explain    one event: what was found in each field, which rule won and which lost, and why
    difference two rulesets over the same events: what would be less protected

Nothing here changes an event or sends one anywhere. A value of an event is told by its shape alone
(:mod:`.shapes`); the values of cases are invented, and may be shown.

Imports the core, and rich for tables; knows no Kafka, no settings and no clock.
"""
