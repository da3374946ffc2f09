"""Recognising a sequence from its name and from DICOM attributes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ThrombusSegLib.sequences import Sequence, recognise_dicom, recognise_name

NAMES = {
    "SWI.nii.gz": ("SWI", "SWI"),
    "Ax SWAN": ("SWI", "SWI"),
    "SWI_Images": ("SWI", "SWI"),
    "mIP_Images(SW)": ("SWI", "minIP SWI"),
    "sub-01_T2starw.nii.gz": ("SWI", "T2*"),
    "t2_fl2d_tra_hemo": ("SWI", "T2*"),
    "Ax T2* GRE": ("SWI", "T2*"),
    "Mag.nii": ("SWI", "T2*"),
    "ep2d_diff_3scan_trace_b1000": ("DWI", "DWI"),
    "sub-strokecase0001_ses-0001_dwi.nii.gz": ("DWI", "DWI"),
    "isoDWI": ("DWI", "DWI"),
    "oblique_adc.mha": ("ADC", "ADC"),
    "Apparent Diffusion Coefficient (mm2/s)": ("ADC", "ADC"),
    "dADC_map": ("ADC", "ADC"),
    "openms-cs-07_FLAIR.nii.gz": ("FLAIR", "FLAIR"),
    "t2_tirm_tra_dark-fluid": ("FLAIR", "FLAIR"),
    "TOF_3D_multi-slab": ("TOF", "TOF"),
    "Ax 3D MRA": ("TOF", "TOF"),
    "AxSWI": ("SWI", "SWI"),
    "VEN_BOLD_HR": ("SWI", "SWI"),
    "SWIp": ("SWI", "SWI"),
    "VenoBOLD": ("SWI", "SWI"),
    "sVenoBOLD_HR": ("SWI", "SWI"),
    "Ax ESWAN": ("SWI", "SWI"),
    "FSBB": ("SWI", "SWI"),
    "3D_BSI": ("SWI", "SWI"),
    "VenoBOLD mIP": ("SWI", "minIP SWI"),
    "VenoBOLD_Pha": (None, "phase"),
    "SWI_Pha": (None, "phase"),
    "SWIp phase": (None, "phase"),
    "BOLD": (None, "functional MRI"),
    "ep2d_bold_rest": (None, "functional MRI"),
    "Ax HEMO": ("SWI", "T2*"),
    "T2 Haemo": ("SWI", "T2*"),
    "sT2W_FFE": ("SWI", "T2*"),
    "AX MPGR": ("SWI", "T2*"),
    "Ax gradient echo": ("SWI", "T2*"),
    "trace": ("DWI", "DWI"),
    "sDW_SSh": ("DWI", "DWI"),
    "eDWI b1000": ("DWI", "DWI"),
    "dADC": ("ADC", "ADC"),
    "s3DI_MC_HR": ("TOF", "TOF"),
    "s3DI_MC MIP": (None, "projection of an angiogram"),
    "2D TOF MRV": (None, "venogram"),
    "SWI venogram": ("SWI", "SWI"),
    "PWI": (None, "perfusion"),
    "T2 TSE": (None, "T2"),
    "T2W_FFE": ("SWI", "T2*"),
    "sub-01_part-mag_T2starw": ("SWI", "T2*"),
    "Ax SWAN minIP": ("SWI", "minIP SWI"),
    "ep2d_diff_b0_b1000": ("DWI", "DWI"),
    "*ep_b1000t": ("DWI", "DWI"),
    "ep2d_diff_4scan_trace_p2_TRACEW": ("DWI", "DWI"),
    "Average DC (mm2/s)": ("ADC", "ADC"),
    "AXFLAIR": ("FLAIR", "FLAIR"),
    "3DTOF": ("TOF", "TOF"),
    "sub-01_angio.nii.gz": ("TOF", "TOF"),
    "eADC": (None, "exponential ADC"),
    "Exponential Apparent Diffusion Coefficient": (None, "exponential ADC"),
    "T1 FLAIR": (None, "T1"),
    "TOF_MIP": (None, "projection of an angiogram"),
    "tof_3d_MIP": (None, "projection of an angiogram"),
    "TOF_3D_multi-slab_MIP_SAG": (None, "projection of an angiogram"),
    "3DTOF collapsed": (None, "projection of an angiogram"),
    "COL:Ax 3D TOF": (None, "projection of an angiogram"),
    "MIP rotating head MRA": (None, "projection of an angiogram"),
    "MRA Projection Images": (None, "projection of an angiogram"),
    "time of flight max intensity": (None, "projection of an angiogram"),
    "TOFmip": (None, "projection of an angiogram"),
    "MR angiography MIP": (None, "projection of an angiogram"),
    "TOF_3D_ship": ("TOF", "TOF"),
    "TOF column": ("TOF", "TOF"),
    "t2_swi_tra_mIP": ("SWI", "minIP SWI"),
    "SWI 3D min intensity": ("SWI", "minIP SWI"),
    "t2_swi_tra": ("SWI", "SWI"),
    "Mag_Images t2_swi_tra_p2": ("SWI", "T2*"),
    "gre_field_mapping": (None, "field map"),
    "SWI_QSM": (None, "susceptibility map"),
    "sub-01_part-phase_T2starw": (None, "phase"),
    "STROKE DWI b=0": (None, "b0 image"),
    "AAHead_Scout": (None, "localizer"),
    "dsc_perfusion": (None, "perfusion"),
    "sub-strokecase0001_ses-0001_dwi_msk.nii.gz": (None, "mask or map"),
    "attention_SWI.nii.gz": (None, "mask or map"),
    "Pha_Images": (None, "phase"),
    "DWI_b0": (None, "b0 image"),
    "T1_MPRAGE": (None, "T1"),
    "openms-cs-07_T2.nii.gz": (None, "T2"),
    "localizer": (None, "localizer"),
    "lesion_mask.nii.gz": (None, "mask or map"),
    "probability_thrombus.nii.gz": (None, "mask or map"),
}


@pytest.mark.parametrize(("name", "expected"), NAMES.items())
@pytest.mark.parametrize("change", [str, str.upper, str.lower])
def test_names(name: str, expected: tuple[str | None, str], change: type[str]) -> None:
    guess = recognise_name(change(name))
    assert guess is not None and guess.reason and 0 < guess.confidence <= 1
    assert (guess.sequence and guess.sequence.value, guess.kind) == expected


@pytest.mark.parametrize("name", ["", "broadcast", "patient 12", "image0001.dcm", "swimming", "mIP", "hem", "Nemo"])
def test_unknown_names_are_not_guessed(name: str) -> None:
    assert recognise_name(name) is None


@given(st.text())
def test_any_text_is_taken(text: str) -> None:
    recognise_name(text)
    recognise_dicom({"SeriesDescription": text, "EchoTime": text, "DiffusionBValue": text, "ImageType": text})


@pytest.mark.parametrize(
    ("tags", "expected", "word"),
    [
        ({"DiffusionBValue": "1000"}, "DWI", "1000"),
        ({"DiffusionBValue": "0", "SeriesDescription": "DWI"}, None, "only 0"),
        ({"ImageType": "DERIVED\\PRIMARY\\DIFFUSION\\ADC"}, "ADC", "image type"),
        ({"ImageType": "ORIGINAL\\PRIMARY\\P\\ND", "SeriesDescription": "SWI"}, None, "phase"),
        ({"ImageType": "DERIVED\\PRIMARY\\MNIP", "SeriesDescription": "SWI"}, "SWI", "minimum"),
        ({"ImageType": "DERIVED\\SECONDARY\\PROJECTION IMAGE", "SeriesDescription": "TOF"}, None, "maximum"),
        ({"ImageType": "DERIVED\\PRIMARY\\MIP", "AngioFlag": "Y", "SeriesDescription": "head"}, None, "maximum"),
        ({"ImageType": "DERIVED\\PRIMARY\\MIP", "SeriesDescription": "SWI"}, "SWI", "projection"),
        ({"ImageType": "DERIVED\\SECONDARY\\MIP", "SeriesDescription": "FLAIR"}, None, "projection"),
        ({"ScanningSequence": "GR", "EchoTime": "3.6", "AngioFlag": "Y", "SeriesDescription": "TOF MIP"}, None, "MIP"),
        ({"ScanningSequence": "GR", "EchoTime": "20", "SeriesDescription": "Ax SWI"}, "SWI", "20 ms"),
        ({"ScanningSequence": "GR", "EchoTime": "25.0"}, "SWI", "gradient echo"),
        ({"ScanningSequence": "GR", "EchoTime": "3.6", "AngioFlag": "Y"}, "TOF", "angiographic"),
        ({"ScanningSequence": "SE\\IR", "EchoTime": "120", "InversionTime": "2500"}, "FLAIR", "2500"),
        ({"SeriesDescription": "AX FLAIR"}, "FLAIR", "name"),
        ({"ScanningSequence": "GR", "EchoTime": "3.6", "SeriesDescription": "TOF"}, "TOF", "angiographic"),
        ({"ScanningSequence": "GR", "EchoTime": "4", "SeriesDescription": "gre"}, None, "too short"),
        ({"ScanningSequence": "GR", "EchoTime": "20", "SeriesDescription": "Pha_Images"}, None, "Pha"),
        ({"ScanningSequence": "EP\\GR", "EchoTime": "30", "SeriesDescription": "perfusion"}, None, "perfusion"),
        ({"ImageType": "DERIVED\\SECONDARY", "DiffusionBValue": "1000", "SeriesDescription": "ADC"}, "ADC", "ADC"),
        ({"ImageType": "DERIVED\\PRIMARY\\DIFFUSION\\FA", "SeriesDescription": "DTI"}, None, "tensor"),
        ({"ScanningSequence": "GR", "EchoTime": "4.6", "AngioFlag": "Y", "SeriesDescription": "MRV"}, None, "MRV"),
    ],
)
def test_dicom_attributes(tags: dict[str, str], expected: str | None, word: str) -> None:
    guess = recognise_dicom(tags)
    assert guess is not None and word in guess.reason
    assert (guess.sequence and guess.sequence.value) == expected


def test_what_was_measured_outweighs_the_name_and_says_so() -> None:
    guess = recognise_dicom({"SeriesDescription": "FLAIR", "DiffusionBValue": "1000"})
    assert guess is not None and guess.sequence is Sequence.DWI
    assert "although" in guess.reason and guess.confidence < 0.8


def test_the_susceptibility_image_is_surer_than_its_magnitude_and_its_projection() -> None:
    """All series of such a protocol have its name."""
    tags = {"ProtocolName": "t2_swi_tra_p2", "ScanningSequence": "GR", "EchoTime": "20"}
    guesses = [recognise_dicom({**tags, "SeriesDescription": name}) for name in ("SWI_Images", "Mag_Images")]
    assert [guess.kind for guess in guesses if guess] == ["SWI", "T2*"]
    assert guesses[0] and guesses[1] and guesses[0].confidence > guesses[1].confidence


def test_no_attributes_no_guess() -> None:
    assert recognise_dicom({}) is None
