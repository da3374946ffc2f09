"""Real, openly licensed MRI, read from outside the repository; skipped where it is absent."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from ThrombusSegLib.case import find_case, read_case, read_image
from ThrombusSegLib.errors import InputError
from ThrombusSegLib.inference import Predictor, segment_case, write_result
from ThrombusSegLib.preprocess import Grid, PreprocessSettings, prepare
from ThrombusSegLib.preprocess.register import find_pose
from ThrombusSegLib.sequences import Sequence
from ThrombusSegLib.weights import find_weights

DATA = Path(os.environ.get("THROMBUSSEG_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
ISLES = DATA / "single_cases" / "isles22_case0001"
OPENMS = DATA / "openms_cs" / "openms-cs-07"
ECHOES = DATA / "single_cases" / "gre_multiecho_crop" / "Mag.nii"

pytestmark = pytest.mark.skipif(not ISLES.is_dir(), reason="the shared data with real MRI is not on this machine")

STRAIGHT = {
    Sequence.DWI: ISLES / "sub-strokecase0001_ses-0001_dwi.nii.gz",
    Sequence.ADC: ISLES / "sub-strokecase0001_ses-0001_adc.nii.gz",
}
OBLIQUE = {Sequence.DWI: ISLES / "oblique_dwi.mha", Sequence.ADC: ISLES / "oblique_adc.mha"}


def test_nifti_and_oblique_mha_give_the_same_voxels(tiny_weights: Path, tmp_path: Path) -> None:
    predictor = Predictor(find_weights(str(tiny_weights)), "cpu")
    for name, paths in (("straight", STRAIGHT), ("oblique", OBLIQUE)):
        case = read_case(paths)
        write_result(segment_case(case, predictor), tmp_path / name)
        for file in ("segmentation.nii.gz", "probability_thrombus.nii.gz", "attention_DWI.nii.gz"):
            written, source = sitk.ReadImage(str(tmp_path / name / file)), case.images[Sequence.DWI]
            assert written.GetSize() == source.GetSize()
            for corner in ((0, 0, 0), tuple(size - 1 for size in source.GetSize())):
                np.testing.assert_allclose(
                    written.TransformIndexToPhysicalPoint(corner),
                    source.TransformIndexToPhysicalPoint(corner),
                    atol=1e-3,
                )
    for file in ("segmentation.nii.gz", "probability_thrombus.nii.gz", "attention_ADC.nii.gz"):
        one, two = (sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / n / file))) for n in ("straight", "oblique"))
        assert np.array_equal(one, two), file


def test_the_pair_that_shares_a_grid_is_not_registered() -> None:
    prepared = prepare(read_case(STRAIGHT))
    assert prepared.reference is Sequence.DWI
    assert prepared.registrations[Sequence.ADC].how == "same grid"


def test_the_study_folder_is_recognised() -> None:
    found = find_case(ISLES)
    assert set(found) == {Sequence.DWI, Sequence.ADC}


def test_flair_alone(tiny_weights: Path) -> None:
    case = read_case({Sequence.FLAIR: OPENMS / "openms-cs-07_FLAIR.nii.gz"})
    result = segment_case(case, Predictor(find_weights(str(tiny_weights)), "cpu"))
    assert Grid.of(result.probability) == Grid.of(case.images[Sequence.FLAIR])


def test_gradient_echo_crop_as_t2_star(tiny_weights: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Mag\.nii holds 3 volumes"):
        read_image(ECHOES)
    echoes = sitk.ReadImage(str(ECHOES), sitk.sitkFloat32)
    sitk.WriteImage(echoes[:, :, :, 2], str(tmp_path / "t2star.nii.gz"))
    case = read_case({Sequence.SWI: tmp_path / "t2star.nii.gz"})
    result = segment_case(case, Predictor(find_weights(str(tiny_weights)), "cpu"))
    assert result.prepared.working_grid.spacing[:2] == pytest.approx((0.9, 0.9))
    assert Grid.of(result.segmentation) == Grid.of(case.images[Sequence.SWI])


def test_real_sequences_that_are_aligned_are_left_alone_and_others_are_found() -> None:
    flair, t2 = (read_image(OPENMS / f"openms-cs-07_{name}.nii.gz") for name in ("FLAIR", "T2"))
    assert find_pose(flair, t2, "auto", "T2").how == "header"
    centre = flair.TransformContinuousIndexToPhysicalPoint([size / 2 for size in flair.GetSize()])
    motion = sitk.Euler3DTransform(centre, 0.05, 0.04, 0.05, (3.0, -3.0, 2.5))
    pose = find_pose(flair, sitk.Resample(t2, flair, motion, sitk.sitkLinear, 0.0), "auto", "T2")
    assert pose.how == "registered"
    for share in ((0.3, 0.3, 0.3), (0.7, 0.3, 0.6), (0.5, 0.8, 0.5)):
        point = flair.TransformContinuousIndexToPhysicalPoint(
            [s * n for s, n in zip(share, flair.GetSize(), strict=True)]
        )
        moved = motion.TransformPoint(pose.transform.TransformPoint(point))
        assert np.linalg.norm(np.array(moved) - np.array(point)) < 1.0


def test_working_grid_keeps_the_slices_of_real_cases() -> None:
    prepared = prepare(read_case(OBLIQUE), PreprocessSettings(registration="never"))
    assert prepared.working_grid.spacing[2] == pytest.approx(2.0)
