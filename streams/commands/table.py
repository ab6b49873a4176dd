"""The commands of `tocsin`, one line each: where a command is, and the sentence of `tocsin --help` on it.

The sentence stands here too, so that the list is printed without importing a command: most import Faust and
Kafka's client, which takes over a second.
"""

from typing import Final

# Their commands are in the wheel, but not in the container image.
NOT_IN_IMAGES: Final = ("tocsin_demo", "tocsin_up")

# fmt: off
COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "adapter": ("streams.commands.adapter:adapter", "Connect desks that work elsewhere: a process per receiver."),
    "clock": ("streams.commands.clock.command:clock", "Record what became of a legal clock, or of many."),
    "clocks": ("streams.commands.clocks:clocks", "List the legal clocks that have not ended."),
    "completion": ("streams.commands.completion:completion", "Print the script that lets SHELL complete commands."),
    "config": ("streams.commands.config:config", "Show the settings and where their values come from."),
    "console": ("streams.commands.console:console", "Serve the pages on which desks work."),
    "dead-letters": ("streams.commands.dead_letters.command:dead_letters", "List, show and redrive dead letters."),
    "demo": ("tocsin_demo.demo.command:demo", "Play six made-up hours on a real Kafka."),
    "detector": ("streams.commands.detector.command:detector", "End that a detector or hash list is held because it left its usual band."),
    "doctor": ("streams.commands.doctor.command:doctor", "Prove on your cluster what Tocsin relies on, and say what to do."),
    "docs": ("streams.commands.docs:docs", "Show a PAGE of the documentation, or list them all."),
    "explain": ("streams.commands.explain.command:explain", "Explain an escalation, event by event, or what became of a report."),
    "intake": ("streams.commands.intake.command:intake", "Take reports by HTTP, from systems that write no Kafka."),
    "outcome": ("streams.commands.outcome.command:outcome", "Say what was decided about a message, a report or an escalation, or about many."),
    "policy": ("streams.commands.policy.command:policy", "Check and back-test the policies for escalations."),
    "publish": ("streams.commands.publish.command:publish", "Publish reports, requests or outcomes from FILE."),
    "registry": ("streams.commands.registry.command:registry", "Check the law in the registry; show what applies where."),
    "reporter": ("streams.commands.reporter.command:reporter", "Show how far a reporter is trusted, and why."),
    "rules": ("streams.commands.rules.command:rules", "Compare sets of rules, and change them while workers run."),
    "simulate": ("tocsin_demo.simulate.command:simulate", "Publish six made-up hours of a messaging platform."),
    "source": ("streams.commands.source.command:source", "Pause, resume or skip the records of a source topic in one partition."),
    "state": ("streams.commands.state.command:state", "Show, check, save, restore, move, correct or reset the state that workers keep."),
    "status": ("streams.commands.status.command:status", "Say whether the deployment works now, and which runbook helps if not."),
    "tail": ("streams.commands.tail.command:tail", "Print the records of TOPIC as they arrive, until Ctrl-C."),
    "topics": ("streams.commands.topics:topics", "Create or check the topics."),
    "transparency": ("streams.commands.transparency.command:transparency", "Produce the numbers for transparency reports, and check reports."),
    "try": ("streams.commands.tryout.command:try_reports", "Show which of your own reports would have opened what, when and why; needs no Kafka."),
    "up": ("tocsin_up.command:up", "Run everything on this machine: Kafka, a worker, the intake and the console."),
    "worker": ("streams.commands.worker:worker", "Run one worker until SIGTERM or SIGINT."),
}
