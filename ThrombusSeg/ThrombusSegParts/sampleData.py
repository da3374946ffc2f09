"""The sample case in Slicer's module Sample Data: a simulated stroke with all five sequences.

The files (4 MB) come with the extension, so that a tutorial and the self test need no network; they lie in the module's
resources in an installed copy, and in those of the repository in a source checkout. Should they be missing, Sample Data
fetches them from the release of the repository. The checksums are compared in all cases.
"""

from __future__ import annotations

from pathlib import Path

from slicer.i18n import tr as _

CATEGORY = "ThrombusSeg"
SAMPLE_NAME = "Simulated stroke"
RELEASE = "https://github.com/ThrombusSeg/SlicerThrombusSeg/releases/download/SampleData/"

#: SHA-256 of each sequence's file in Resources/SampleCase; a test compares them.
CHECKSUMS = {
    "SWI": "bb933f7a30841da063245ba32398eb444257a8b4300ac01ab2c399b9cc8cabdb",
    "DWI": "f571fc03c953e8197d8921a054b2c8aabf2d9048ef6c683757d2465bf5e8d166",
    "ADC": "745cdfce6110481de4916afa3430e2e8ffb9f433ff7afd952dbfde1e1b2af024",
    "FLAIR": "e8849affe63e105c74281f19b059f646d340100b7a6cd7294f83f73b483b9249",
    "TOF": "5e639a9f03690e1431a006cabdc65a8eb4fdba1a95b91c67d97c1e7a3d572d33",
}


def registerSampleData() -> None:
    """Add the sample case; to be called once, when the application has started."""
    import SampleData

    logic = SampleData.SampleDataLogic
    if hasattr(logic, "registerCustomSampleDataCategory"):  # Slicer 5.12
        logic.registerCustomSampleDataCategory(CATEGORY, title=_("ThrombusSeg"))
    logic.registerCustomSampleDataSource(
        category=CATEGORY,
        sampleName=SAMPLE_NAME,
        uris=[uriOf(sequence) for sequence in CHECKSUMS],
        fileNames=[f"ThrombusSeg-{CHECKSUMS[sequence][:8]}-{sequence}.nii.gz" for sequence in CHECKSUMS],
        nodeNames=[f"Sample {sequence}" for sequence in CHECKSUMS],
        loadFileTypes=["VolumeFile"] * len(CHECKSUMS),  # NIfTI is a format of segmentations, too
        checksums=[f"SHA256:{checksum}" for checksum in CHECKSUMS.values()],
        thumbnailFileName=str(Path(__file__).resolve().parents[1] / "Resources" / "Icons" / "SampleCase.png"),
    )


def uriOf(sequence: str) -> str:
    """Where the file of a sequence is: on this computer, else in the release."""
    folder = sampleFolder()
    return (folder / f"{sequence}.nii.gz").as_uri() if folder is not None else f"{RELEASE}{sequence}.nii.gz"


def sampleFolder() -> Path | None:
    """The folder of the sample case, with a file for each sequence; None where there is none."""
    module = Path(__file__).resolve().parents[1]
    for folder in (module / "Resources" / "SampleCase", module.parent / "Resources" / "SampleCase"):
        if all((folder / f"{sequence}.nii.gz").is_file() for sequence in CHECKSUMS):
            return folder
    return None
