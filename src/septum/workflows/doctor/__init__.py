"""`septum doctor`: what is wrong with a data set, and a mended copy of it.

One insight: most of what ruins a training was wrong with the data before it began, and shows as a crash hours later.
Here everything is found before anything is computed; one broken file never hides the next; and the original is only
ever read. `examine` says what it finds (`checks` holds one small function for each thing that can be wrong); `mend`
writes the copy.
"""
