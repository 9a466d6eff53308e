# Stops before anything is planned where a folder cannot be made, or on files that were pulled without a record: see
# obstacles.py and guard.py of src/viper/provenance/.
# Included after common.smk, which checks the parameters.
import sys

from viper.provenance import guard, obstacles


def refuse_pulled_files():
    try:
        pulled = guard.unrecorded(SCALE)
    except ViperError as error:
        stop(error)
    if pulled:
        stop(guard.message(pulled))


if blocked := obstacles.in_the_way(SCALE):
    stop(f"{blocked[0]}: is no folder, and the rules make one there: move it away, or mend the link")

if workflow.is_main_process and not guard.is_harmless(sys.argv):
    refuse_pulled_files()
