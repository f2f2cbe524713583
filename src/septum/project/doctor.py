"""`septum doctor`: what is wrong with a data set, and a mended copy of it.

One insight: most of what ruins a training was wrong with the data before it began, and shows as a crash hours later.
Here everything is found before anything is computed; one broken file never hides the next; and the original is only
ever read.

`examine` says what it finds (`doctor_checks` holds one small function for each thing that can be wrong); `mend` writes
the copy.
"""

from septum.project.doctor_checks import ALL, Finding
from septum.project.doctor_examine import examine, examine_cases
from septum.project.doctor_mend import Change, MendLog, mend

__all__ = ["ALL", "Change", "Finding", "MendLog", "examine", "examine_cases", "mend"]
