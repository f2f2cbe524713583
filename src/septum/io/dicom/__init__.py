"""DICOM: which files form a series and where its slices lie (`series`), and the samples in them (`files`)."""
