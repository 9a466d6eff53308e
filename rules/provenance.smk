# What every rule gets besides what its own file says, from src/viper/workflow/declaration.py; included last. `options`: the
# sections of this scale that its params name in `sections`. `code`: the fingerprint of the source files behind its command,
# and of the prompts that it asks with, so that an edit of them re-runs what depends on it, as an edit of params.yaml does.
# And a log, a benchmark file, the environment, and the resources of a light job, where it says nothing else.
from viper.workflow import declaration

try:
    # From here, wherever a rule stands: rule files lie at different depths.
    declaration.complete(workflow.rules, L, S, workflow.current_basedir.join("../envs/viper.yaml"))
except ViperError as error:
    stop(error)
