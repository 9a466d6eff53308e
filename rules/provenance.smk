# What every rule gets besides what its own file says; included last. The fingerprint of the source files behind the rule's
# command, and of the prompts that it asks with, is one of its parameters, so that an edit of them re-runs what depends on
# it, as an edit of params.yaml does.
from viper.provenance.source import command_of, fingerprint, prompt_sets

for each in workflow.rules:
    if command := command_of(each.shellcmd, dict(each.params.items())):
        each.set_params(code=fingerprint(command, prompt_sets(dict(each.params.items()))))
