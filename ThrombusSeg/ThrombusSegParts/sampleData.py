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
    "SWI": "f6b8baf90a5150174544082cde4ff15a59c5dc912db7bacf98615bf1fded40c6",
    "DWI": "4db13044a5a28f4198d0569eab0c02ed4ebf0b9a4a1115bd73d65cce40e694fc",
    "ADC": "85065499703c531647fc227573aae07261c7a56d7ee12417a7455ebe6603e9d5",
    "FLAIR": "961b5ac53bf0f72b8490fec22529f250aa352b4408b6c9e22e9a5f053d81d9f9",
    "TOF": "b54e09bb2be60cc6209db1ab1964da8fbe2e893d2d7683e8b2b6ba8969bb32f4",
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
