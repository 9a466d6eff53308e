# What every rule gets besides what its own file says; included last. The fingerprint of the source files behind the rule's
# command is one of its parameters, so that an edit of code re-runs what depends on it, as an edit of params.yaml does.
from viper.provenance.source import command_of, fingerprint

for each in workflow.rules:
    if command := command_of(each.shellcmd, dict(each.params.items())):
        each.set_params(code=fingerprint(command))
