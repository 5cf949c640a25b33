"""Reading images: the grid, the reason why a file is refused, and all files of an image."""

import gzip
import resource
import struct
import warnings
import zlib

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from bifseg.core.errors import InputError
from bifseg.core.files import check_hash
from bifseg.core.geometry import Grid
from bifseg.core.image_files import files_of, image_hash
from bifseg.core.images import forms_differ, read_array, read_grid, read_image, read_off_degrees, write_array

VOXELS = np.arange(8 * 9 * 10, dtype=np.float32).reshape(8, 9, 10)


def write_mha(path, spacing="1 2 3", matrix="1 0 0 0 1 0 0 0 1"):
    image = sitk.GetImageFromArray(VOXELS)
    image.SetSpacing((1, 2, 3))
    sitk.WriteImage(image, path)
    content = path.read_bytes().replace(b"ElementSpacing = 1 2 3", f"ElementSpacing = {spacing}".encode())
    path.write_bytes(
        content.replace(b"TransformMatrix = 1 0 0 0 1 0 0 0 1", f"TransformMatrix = {matrix}".encode())
    )
    return path


def write_nii(path, qform=None, sform=None, pixdim=None, voxels=VOXELS):
    """A NIfTI file with these affines and, written over them, these values of pixdim."""
    image = nibabel.Nifti1Image(voxels.T, None)
    image.header.set_zooms((1, 2, 3))
    image.set_qform(qform, 1 if qform is not None else 0)
    image.set_sform(sform, 1 if sform is not None else 0)
    nibabel.save(image, path)
    content = bytearray(path.read_bytes())
    for axis, value in (pixdim or {}).items():
        struct.pack_into("<f", content, 76 + 4 * axis, value)
    path.write_bytes(content)
    return path


def affine(shear=0.0, scale=1.0):
    matrix = np.diag([scale, 2.0, 3.0, 1.0])
    matrix[0, 1] = shear
    return matrix


def read(path):
    """The voxels and the grid, which is the same with and without the voxels."""
    voxels, grid = read_array(path)
    assert grid == read_grid(path)
    return voxels, grid


def refusal(path):
    """The line about a file, which both ways of reading give."""
    lines = []
    for reader in (read_grid, read_array):
        with pytest.raises(InputError) as caught:
            reader(path)
        lines.append(str(caught.value))
    assert lines[0] == lines[1]
    assert path.name in lines[0]
    assert "\n" not in lines[0]
    assert len(lines[0].removeprefix(str(path.parent))) < 250
    return lines[0]


def test_every_format_gives_the_same_spacing(tmp_path):
    """The last digits, such as 0.9000000000000002 in an oblique NRRD header, decided between equal distances."""
    axes = Rotation.from_euler("xyz", [8, -12, 10], degrees=True).as_matrix()
    grid = Grid(VOXELS.shape, (3.3, 0.9, 0.9), (-10.0, 4.0, 20.0), tuple(map(tuple, axes[::-1].tolist())))
    files = [tmp_path / f"a{suffix}" for suffix in (".nii", ".nii.gz", ".mha", ".nrrd")]
    for path in files:
        write_array(path, VOXELS, grid)
    assert len({read_grid(path).spacing for path in files}) == 1


@pytest.mark.parametrize("suffix", [".mha", ".nrrd", ".nii"])
def test_a_fourth_axis_of_one_voxel_does_not_count(tmp_path, suffix):
    image = sitk.GetImageFromArray(VOXELS)
    image.SetSpacing((1.0, 2.0, 3.0))
    image.SetOrigin((5.0, 6.0, 7.0))
    sitk.WriteImage(sitk.JoinSeries([image]), tmp_path / f"a{suffix}")
    voxels, grid = read(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(voxels, VOXELS)
    assert (grid.shape, grid.spacing, grid.origin) == (VOXELS.shape, (3.0, 2.0, 1.0), (5.0, 6.0, 7.0))


def test_a_negative_spacing_reverses_its_axis(tmp_path):
    """ITK reads -1 mm in the header as 1 mm along -x."""
    for path in (
        write_mha(tmp_path / "a.mha", "-1 2 -3"),
        write_nii(tmp_path / "b.nii", qform=affine(), pixdim={1: -1.0}),
    ):
        voxels, grid = read(path)
        assert grid.spacing == (3.0, 2.0, 1.0)
        np.testing.assert_array_equal(voxels, VOXELS)
    assert read_grid(tmp_path / "a.mha").direction[2] == (-1.0, 0.0, 0.0)
    assert read_grid(tmp_path / "b.nii").direction[2] == pytest.approx((1.0, 0.0, 0.0))


@pytest.mark.parametrize("spacing", ["0 2 3", "nan 2 3", "inf 2 3"])
def test_an_invalid_spacing_is_refused(tmp_path, spacing):
    assert "its spacing" in refusal(write_mha(tmp_path / "a.mha", spacing))


def test_a_nifti_without_a_spacing_is_refused_unless_its_sform_has_one(tmp_path):
    """ITK replaces 0 and NaN with 1 mm."""
    for value in (0.0, float("nan")):
        assert "spacing" in refusal(write_nii(tmp_path / "a.nii", qform=affine(), pixdim={1: value}))
        assert read(write_nii(tmp_path / "a.nii", sform=affine(), pixdim={1: value}))[1].spacing == (
            3.0,
            2.0,
            1.0,
        )


def test_the_sform_s_spacing_takes_precedence_over_pixdim(tmp_path):
    path = write_nii(tmp_path / "a.nii", sform=affine(scale=1.5), pixdim={1: 1.0})
    assert read(path)[1].spacing == (3.0, 2.0, 1.5)


def test_slightly_oblique_axes_are_straightened(tmp_path):
    """Most images of TotalSegmentator are; ITK refuses such NIfTI files and accepts other formats."""
    for path in (
        write_nii(tmp_path / "a.nii", sform=affine(0.02)),
        write_mha(tmp_path / "b.mha", matrix="1 0 0 0.02 0.9998 0 0 0 1"),
    ):
        grid = read(path)[1]
        axes = np.array(grid.direction)
        np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
        assert 0.5 < read_off_degrees(path) < 1.2
    assert read_off_degrees(write_nii(tmp_path / "c.nii", sform=affine())) == 0


def test_clearly_oblique_axes_are_refused_with_a_remedy(tmp_path):
    line = refusal(write_nii(tmp_path / "a.nii", sform=affine(0.2)))
    assert "5.71 degrees off right angles" in line
    assert "resample" in line
    assert "90 degrees" in refusal(write_mha(tmp_path / "b.mha", matrix="1 0 0 1 0 0 0 0 1"))


def test_a_slice_out_of_the_x_y_plane_is_refused_in_a_file_of_two_axes(tmp_path):
    """With two axes the world has no z: the place of a coronal slice would be lost."""
    coronal = np.diag([1.0, 0, 0, 1])
    coronal[2, 1] = coronal[1, 2] = 2.0
    nibabel.save(nibabel.Nifti1Image(VOXELS[0].T, coronal), tmp_path / "flat.nii")
    assert "save it as a volume of one slice" in refusal(tmp_path / "flat.nii")
    nibabel.save(nibabel.Nifti1Image(VOXELS[0].T[..., np.newaxis], coronal), tmp_path / "volume.nii")
    grid = read(tmp_path / "volume.nii")[1]
    index = np.array([[0, 2, 3]])
    assert np.allclose(grid.to_index(grid.to_world(index)), index)


def test_a_qform_that_turns_by_180_degrees_is_read_exactly(tmp_path):
    """The quaternion is stored as float32, so that its length is not exactly 1: as in slices tilted about x."""
    for tilt in range(0, 360, 7):
        axis = np.array([0, np.sin(np.radians(tilt)), np.cos(np.radians(tilt))])
        matrix = np.eye(4)
        matrix[:3, :3] = (2 * np.outer(axis, axis) - np.eye(3)) * (1, 2, 3)
        grid = read(write_nii(tmp_path / "a.nii", qform=matrix))[1]
        steps = np.diff(grid.to_world(np.array([[0, 0, 0], [0, 0, 1]])), axis=0)[0]
        np.testing.assert_allclose(steps * (-1, -1, 1), matrix[:3, 0], atol=1e-6)


def test_a_qform_and_a_sform_that_place_the_file_differently_are_noticed(tmp_path):
    moved = affine()
    moved[:3, 3] += 1.0
    forms = {"same": affine(), "rounded": affine() + 1e-5, "moved": moved, "none": None}
    files = [write_nii(tmp_path / f"{name}.nii", qform=form, sform=affine()) for name, form in forms.items()]
    assert [forms_differ(path) for path in files] == [False, False, True, False]
    assert not forms_differ(write_mha(tmp_path / "a.mha"))


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_a_qform_that_is_not_finite_beside_a_sform_is_no_warning(tmp_path, value):
    path = write_nii(tmp_path / "a.nii", qform=affine(), sform=affine(), pixdim={1: value})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not forms_differ(path)


def test_the_qform_is_used_if_the_sform_is_sheared(tmp_path):
    path = write_nii(tmp_path / "a.nii", qform=affine(), sform=affine(0.2))
    assert read_off_degrees(path) == 0
    assert read(path)[1].spacing == (3.0, 2.0, 1.0)


@pytest.mark.parametrize("ending", ["nii", "nii.gz", "mha", "nrrd"])
def test_written_files_are_read_back_unchanged(tmp_path, ending):
    angle = np.radians(12)
    c, s = float(np.cos(angle)), float(np.sin(angle))
    grid = Grid((8, 9, 10), (3.0, 0.7, 0.7), (-12.5, 3.0, 40.0), ((0, -s, c), (0, c, s), (1.0, 0, 0)))
    write_array(tmp_path / f"a.{ending}", VOXELS, grid)
    voxels, grid_read = read(tmp_path / f"a.{ending}")
    np.testing.assert_array_equal(voxels, VOXELS)
    for key in ("spacing", "origin", "direction"):
        np.testing.assert_allclose(getattr(grid_read, key), getattr(grid, key), atol=1e-5)


def test_nifti_agrees_with_itk_on_ordinary_files(tmp_path):
    write_array(tmp_path / "a.nii.gz", VOXELS.astype(np.int16), Grid.plain(VOXELS.shape, (2.5, 1.0, 1.5)))
    itk = sitk.ReadImage(tmp_path / "a.nii.gz")
    voxels, grid = read(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(voxels, sitk.GetArrayFromImage(itk))
    assert voxels.dtype == np.int16
    assert (grid.spacing[::-1], grid.origin) == (itk.GetSpacing(), itk.GetOrigin())


def test_a_nifti_of_either_byte_order_gives_native_voxels(tmp_path):
    header = nibabel.Nifti1Header(endianness=">")
    nibabel.save(nibabel.Nifti1Image(VOXELS.T.astype(">f4"), affine(), header), tmp_path / "a.nii")
    voxels, grid = read(tmp_path / "a.nii")
    assert voxels.dtype.isnative
    np.testing.assert_array_equal(voxels, VOXELS)
    assert grid.spacing == (3.0, 2.0, 1.0)


def test_a_nifti_of_one_volume_has_no_channel_axis(tmp_path):
    nibabel.save(nibabel.Nifti1Image(VOXELS.T[..., None, None], affine()), tmp_path / "a.nii")
    assert read(tmp_path / "a.nii")[0].shape == VOXELS.shape


@pytest.mark.parametrize("origin", [(5, 4, 4), (0, 4, 4), (5, 0, 0)])
def test_an_analyze_file_has_a_spacing_and_no_orientation(tmp_path, origin):
    """SPM keeps the origin where NIfTI keeps the codes of qform and sform."""
    nibabel.save(nibabel.AnalyzeImage(VOXELS.T.astype(np.int16), affine()), tmp_path / "a.img")
    content = bytearray((tmp_path / "a.hdr").read_bytes())
    struct.pack_into("<hhh", content, 253, *origin)
    (tmp_path / "a.hdr").write_bytes(content)
    voxels, grid = read(tmp_path / "a.hdr")
    np.testing.assert_array_equal(voxels, VOXELS)
    assert grid == Grid.plain(VOXELS.shape, (3.0, 2.0, 1.0))


def test_a_qform_may_be_a_mirror(tmp_path):
    """Files of which x, y and z are left-handed have the factor -1 in pixdim[0]."""
    matrix = affine() * [[1], [1], [-1], [1]]
    image = nibabel.load(write_nii(tmp_path / "a.nii", qform=matrix))
    assert (image.header["pixdim"][0], image.header["sform_code"]) == (-1, 0)
    grid = read(tmp_path / "a.nii")[1]
    np.testing.assert_allclose(np.diff(grid.to_world(np.array([[0, 0, 0], [1, 0, 0]])), axis=0), [[0, 0, -3]])


@pytest.mark.parametrize(("slope", "intercept"), [(0, 5), (np.nan, 5), (np.inf, 5), (1, np.nan), (1, 0)])
def test_a_slope_that_means_none_leaves_the_voxels(tmp_path, slope, intercept):
    path = write_nii(tmp_path / "a.nii", sform=affine(), voxels=VOXELS.astype(np.int16))
    content = bytearray(path.read_bytes())
    struct.pack_into("<ff", content, 112, slope, intercept)
    path.write_bytes(content)
    voxels = read(path)[0]
    assert voxels.dtype == np.int16
    np.testing.assert_array_equal(voxels, VOXELS)


@pytest.mark.parametrize(("sform", "qform"), [(1, 0), (0, 1)])
def test_units_and_slopes_of_nifti_are_applied(tmp_path, sform, qform):
    matrix = affine()
    matrix[:3, 3] = -1000, -2000, 3000
    image = nibabel.Nifti1Image(VOXELS.T.astype(np.int16), matrix)
    image.set_sform(matrix, sform)
    image.set_qform(matrix, qform)
    image.header.set_xyzt_units("micron", "sec")
    image.header.set_slope_inter(2.0, -5.0)
    nibabel.save(image, tmp_path / "a.nii")
    content = bytearray((tmp_path / "a.nii").read_bytes())
    struct.pack_into("<ff", content, 112, 2.0, -5.0)
    (tmp_path / "a.nii").write_bytes(content)
    voxels, grid = read(tmp_path / "a.nii")
    stored = np.asarray(nibabel.load(tmp_path / "a.nii").dataobj.get_unscaled()).T
    np.testing.assert_array_equal(voxels, stored * 2.0 - 5.0)
    assert grid.spacing == pytest.approx((0.003, 0.002, 0.001))
    assert grid.origin == pytest.approx((1, 2, 3))


@pytest.mark.parametrize("ending", ["nii", "nii.gz", "mha", "nrrd", "hdr"])
@pytest.mark.parametrize(("value", "reason"), [(np.nan, "not finite"), (1e300, "too large for float32")])
def test_voxels_that_are_not_finite_as_float32_are_refused(tmp_path, ending, value, reason):
    voxels = VOXELS.astype(np.float64)
    voxels[1, 2, 3] = value
    if ending == "hdr":
        nibabel.save(nibabel.Nifti1Pair(voxels.T, np.eye(4)), tmp_path / "a.img")
    else:
        write_array(tmp_path / f"a.{ending}", voxels, Grid.plain(voxels.shape))
    with pytest.raises(InputError, match=f"1 of 720 voxels are {reason}"):
        read_image(tmp_path / f"a.{ending}")


def write_pairs(folder):
    """Writes one image in each format with a separate data file; returns header and data file."""
    sitk.WriteImage(sitk.GetImageFromArray(VOXELS), folder / "m.mhd")
    sitk.WriteImage(sitk.GetImageFromArray(VOXELS), folder / "n.nhdr")
    nibabel.save(nibabel.Nifti1Pair(VOXELS.T, np.eye(4)), folder / "h.img")
    return {"m.mhd": "m.raw", "n.nhdr": "n.raw", "h.hdr": "h.img"}


def test_the_hash_of_an_image_covers_all_its_files(tmp_path):
    for header, data in write_pairs(tmp_path).items():
        path, data_file = tmp_path / header, tmp_path / data
        assert set(files_of(path)) == {path, data_file}
        before = image_hash(path)
        check_hash(path, before, "bring it back", image_hash)
        content = bytearray(data_file.read_bytes())
        content[100] ^= 1
        data_file.write_bytes(content)
        with pytest.raises(InputError, match=f"{header}: cut off or changed"):
            check_hash(path, before, "bring it back", image_hash)


def test_missing_and_truncated_data_files_are_named(tmp_path):
    for header, data in write_pairs(tmp_path).items():
        path, data_file = tmp_path / header, tmp_path / data
        content = data_file.read_bytes()
        data_file.write_bytes(content[:200])
        with pytest.raises(InputError, match=f"{data}.*(200 of the 2880 bytes|cut short)"):
            read_array(path)
        data_file.unlink()
        assert f"its data file {data} is missing" in refusal(path)
        data_file.write_bytes(content)
        np.testing.assert_array_equal(read(path)[0], VOXELS)


@pytest.mark.parametrize("value", [9, 10, 13, 32])
@pytest.mark.parametrize("name", ["a.mha", "a.nrrd"])
def test_voxels_that_are_line_ends_do_not_count_as_header(tmp_path, name, value):
    sitk.WriteImage(sitk.GetImageFromArray(np.full((4, 5, 6), value, np.uint8)), tmp_path / name)
    voxels = read(tmp_path / name)[0]
    assert (voxels == value).all()
    assert voxels.shape == (4, 5, 6)


@pytest.mark.parametrize(
    ("kinds", "refused"), [("domain domain domain", True), ("list domain domain", False)]
)
def test_an_nrrd_spacing_that_is_no_number_is_refused(tmp_path, kinds, refused):
    """ITK takes 1 mm for it. An axis of values has none."""
    path = tmp_path / "a.nrrd"
    head = f"NRRD0004\ntype: uint8\ndimension: 3\nsizes: 1 9 8\nkinds: {kinds}\nspacings: nan 2 3\nencoding: raw\n\n"
    path.write_bytes(head.encode() + bytes(72))
    if refused:
        assert "its spacing along x is not finite; write the true spacing" in refusal(path)
    else:
        assert read(path)[1].spacing == (3.0, 2.0)


@pytest.mark.parametrize("packed", [False, True])
def test_an_nrrd_header_may_be_long(tmp_path, packed):
    """3D Slicer writes ten lines for each segment."""
    path = tmp_path / "a.nrrd"
    sitk.WriteImage(sitk.GetImageFromArray(VOXELS), path, useCompression=packed)
    header, blank, data = path.read_bytes().partition(b"\n\n")
    lines = b"".join(b"\nSegment%d_Name:=liver" % k for k in range(9000))
    path.write_bytes(header + lines + blank + data)
    np.testing.assert_array_equal(read(path)[0], VOXELS)


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.mha", "a.mha"), ("a.mhd", "a.zraw"), ("a.nrrd", "a.nrrd"), ("a.nhdr", "a.raw.gz")],
)
def test_compressed_voxels_that_are_damaged_are_refused(tmp_path, name, data, capfd):
    """ITK prints "Uncompress failed", or nothing, and goes on with other voxels."""
    path, data_file = tmp_path / name, tmp_path / data
    noise = np.random.default_rng(0).normal(size=(20, 30, 40))
    sitk.WriteImage(sitk.GetImageFromArray(noise), path, useCompression=True)
    np.testing.assert_array_equal(read(path)[0], noise)
    content = data_file.read_bytes()
    middle, late = len(content) // 2, len(content) - 60
    flipped = [content[:k] + bytes([content[k] ^ 255]) + content[k + 1 :] for k in (middle, late)]
    for damaged in (*flipped, content[:middle], content[:-2]):
        data_file.write_bytes(damaged)
        with pytest.raises(InputError, match="its compressed voxels are cut short or damaged; copy it again"):
            read_array(path)
    assert capfd.readouterr() == ("", "")


def test_compressed_metaimage_voxels_need_their_length(tmp_path):
    """Without it, ITK uncompresses the header."""
    path = tmp_path / "a.mha"
    sitk.WriteImage(sitk.GetImageFromArray(VOXELS), path, useCompression=True)
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join(line for line in lines if not line.startswith(b"CompressedDataSize")))
    with pytest.raises(
        InputError, match=r"its header is damaged \(no CompressedDataSize\); write the file again"
    ):
        read_array(path)


def test_data_files_may_have_unicode_names(tmp_path):
    sitk.WriteImage(sitk.GetImageFromArray(VOXELS), tmp_path / "患者.mhd")
    assert files_of(tmp_path / "患者.mhd")[1] == tmp_path / "患者.raw"
    np.testing.assert_array_equal(read(tmp_path / "患者.mhd")[0], VOXELS)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("NDims = 3", "NDims 3"),
        ("BinaryData = True", "Binary"),
        ("DimSize = 10 9 8", "DimSize = 10 9"),
        ("ElementSpacing = 1 1 1", "ElementSpacing = 1 1"),
        ("ObjectType = Image", "ObjectType = Image\n7"),
        ("Offset = 0 0 0", "Offset = 1e4000 0 0"),
        # lines that ITK sees and we would not
        ("ElementDataFile", "\vElementDataFile = l.raw\nElementDataFile"),
        ("ElementDataFile", "Comment = a\rElementDataFile = l.raw\nElementDataFile"),
    ],
)
def test_a_damaged_metaimage_header_is_refused_before_itk_prints(tmp_path, before, after, capfd):
    sitk.WriteImage(sitk.GetImageFromArray(VOXELS), tmp_path / "m.mha")
    content = (tmp_path / "m.mha").read_bytes()
    assert before.encode() in content
    (tmp_path / "m.mha").write_bytes(content.replace(before.encode(), after.encode()))
    assert "write" in refusal(tmp_path / "m.mha")
    assert capfd.readouterr() == ("", "")


def test_data_in_another_folder_are_refused(tmp_path):
    """Methods cannot read the cohort's root; they could read a label map's voxels elsewhere."""
    (tmp_path / "data").mkdir()
    write_pairs(tmp_path)
    for name in ("../m.raw", str(tmp_path / "m.raw")):
        text = (tmp_path / "m.mhd").read_text().replace("m.raw", name)
        (tmp_path / "data/m.mhd").write_text(text)
        assert "lies in another folder" in refusal(tmp_path / "data/m.mhd")


def small_file(path, lines):
    """A MetaImage or NRRD file of the numbers 0 to 7, with these lines in its header."""
    shape, voxels = "2 2 2\n", bytes(range(8))
    if path.suffix == ".mha":
        head = "ObjectType = Image\nNDims = 3\nBinaryData = True\nCompressedData = False\n"
        head += f"{lines}DimSize = {shape}ElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
    else:
        head = f"NRRD0004\ntype: uchar\ndimension: 3\nsizes: {shape}encoding: raw\n{lines}\n"
    path.write_bytes(head.encode() + voxels)
    return path


@pytest.mark.parametrize("unit", ["um", "cm", "\u00b5m", "micrometers", "mm", "millimeters", "pixel", ""])
def test_other_units_than_mm_are_refused(tmp_path, unit):
    """ITK reads them as mm. NIfTI's are converted."""
    others = ("um", "cm", "\u00b5m", "micrometers")
    oblique = "space: LPS\nspace directions: (1,0,0) (0,2,0) (0,0,3)\n"
    files = {"a.nrrd": f'{oblique}space units: "{unit}" "{unit}" "{unit}"\n'}
    files |= {"b.nrrd": f'spacings: 1 2 3\nunits: "{unit}" "{unit}" "{unit}"\n'}
    files |= (
        {"a.mha": f"ElementSpacing = 1 2 3\nDistanceUnits = {unit}\n"} if unit in ("um", "cm", "mm") else {}
    )
    for name, lines in files.items():
        path = small_file(tmp_path / name, lines)
        if unit in others:
            assert "its lengths are in " in refusal(path)
        else:
            assert read(path)[1].spacing == (3, 2, 1)


@pytest.mark.parametrize(
    ("name", "spacing", "stated"),
    [
        ("a.mha", "ElementSpacing = 1 1 1\n", True),
        ("a.mha", "ElementSize = 1 1 1\n", True),
        ("a.mha", "", False),
        ("a.nrrd", "spacings: 1 1 1\n", True),
        ("a.nrrd", "space: left-posterior-superior\nspace directions: (1,0,0) (0,1,0) (0,0,1)\n", True),
        ("a.nrrd", "", False),
    ],
)
def test_a_header_without_a_spacing_is_in_voxels(tmp_path, name, spacing, stated):
    read_voxels, grid = read(small_file(tmp_path / name, spacing))
    assert read_voxels.ravel().tolist() == list(range(8))
    assert grid.in_mm is stated
    assert grid.spacing == (1, 1, 1)


def png(path, depth, colours, rows, width):
    """A PNG file by its parts."""

    def part(kind, content):
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    head = struct.pack(">IIBBBBB", width, len(rows), depth, colours, 0, 0, 0)
    palette = part(b"PLTE", bytes(range(6))) if colours == 3 else b""
    data = part(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + palette + data + part(b"IEND", b""))
    return path


@pytest.mark.parametrize(
    ("depth", "row", "expected"), [(1, 0b01000000, [0, 1]), (2, 0b00011000, [0, 1, 2, 0]), (4, 0x13, [1, 3])]
)
def test_a_png_of_few_bits_keeps_its_values(tmp_path, depth, row, expected):
    """ITK rescales them: label 1 became 255, and `--structure s=1` had no voxel."""
    path = png(tmp_path / "a.png", depth, 0, [bytes([row])] * 2, len(expected))
    np.testing.assert_array_equal(read(path)[0], [expected] * 2)


@pytest.mark.parametrize(
    ("colours", "row", "reason"),
    [
        (2, b"abc", "has 3 channels per voxel; save one grey channel"),
        (3, b"\0", "is a PNG with a palette; save it as grey"),
        (4, b"ab", "has 2 channels per voxel (grey and alpha); save the grey channel"),
        (6, b"abcd", "has 4 channels per voxel; save one grey channel"),
    ],
)
def test_a_png_with_colours_is_refused(tmp_path, colours, row, reason):
    assert reason in refusal(png(tmp_path / "a.png", 8, colours, [row] * 2, 1))


CONTENTS = {
    "empty.nii.gz": (b"", "is empty; copy the file again"),
    "lfs.nii.gz": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "run `git lfs pull`"),
    "annex.nii.gz": (b"/annex/objects/MD5E-s1--0.nii.gz\n", "run `git annex get`"),
    "page.nii.gz": (b"<!DOCTYPE html><html>", "is a web page"),
    "dicom.nii": (b"\0" * 128 + b"DICM" + b"\0" * 300, "is a DICOM file; convert its series"),
    "plain.nii.gz": (struct.pack("<i", 348) + b"\0" * 400, "is not compressed"),
    "packed.nii": (gzip.compress(b"\0" * 400), "is compressed; add .gz to its name"),
    "other.nii.gz": (gzip.compress(b"text " * 200), "holds no NIfTI header"),
    "text.nii": (b"text " * 200, "holds no NIfTI header"),
    "text.mha": (b"text " * 200, "its header is damaged"),
    "text.nrrd": (b"text " * 200, "its header is damaged"),
    "text.png": (b"text " * 200, "is not a PNG file"),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_each_unreadable_file_has_its_reason(tmp_path, name):
    content, reason = CONTENTS[name]
    (tmp_path / name).write_bytes(content)
    assert reason in refusal(tmp_path / name)


def test_folders_and_broken_links_have_their_reasons(tmp_path):
    (tmp_path / "series").mkdir()
    assert "is a folder; name a file" in refusal(tmp_path / "series")
    (tmp_path / "series/1").write_bytes(CONTENTS["dicom.nii"][0])
    assert "is a folder of DICOM files; convert it" in refusal(tmp_path / "series")
    (tmp_path / "link.nii").symlink_to(tmp_path / "nowhere.nii")
    assert "is a link to a file that is missing" in refusal(tmp_path / "link.nii")


def test_colour_and_complex_voxels_are_refused(tmp_path):
    colours = np.zeros(VOXELS.T.shape, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.save(nibabel.Nifti1Image(colours, np.eye(4)), tmp_path / "rgb.nii")
    nibabel.save(nibabel.Nifti1Image(VOXELS.T.astype(np.complex64), np.eye(4)), tmp_path / "c.nii")
    assert "has 3 channels per voxel" in refusal(tmp_path / "rgb.nii")
    assert "its voxels are complex numbers" in refusal(tmp_path / "c.nii")


def test_a_header_with_an_impossible_size_is_refused(tmp_path):
    path = write_nii(tmp_path / "a.nii", sform=affine())
    content = bytearray(path.read_bytes())
    struct.pack_into("<hhh", content, 42, 32767, 32767, 32767)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.nii: cut short or damaged"):
        read_array(path)


@pytest.mark.parametrize("offset", [0, 100])
def test_a_place_of_the_voxels_inside_the_header_counts_as_its_end(tmp_path, offset):
    """Some programs write 0 for a single file; the header has 352 bytes."""
    path = write_nii(tmp_path / "a.nii", sform=affine())
    content = bytearray(path.read_bytes())
    struct.pack_into("<f", content, 108, offset)
    path.write_bytes(content)
    np.testing.assert_array_equal(read(path)[0], VOXELS)


@pytest.mark.parametrize("offset", [np.nan, np.inf, 1e30])
def test_an_impossible_place_of_the_voxels_is_refused(tmp_path, offset):
    path = write_nii(tmp_path / "a.nii", sform=affine())
    content = bytearray(path.read_bytes())
    struct.pack_into("<f", content, 108, offset)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.nii: cut short or damaged"):
        read_array(path)


@pytest.mark.parametrize("name", ["a.mhd", "a.nhdr", "a.hdr"])
def test_only_single_file_formats_are_written(tmp_path, name):
    with pytest.raises(ValueError, match="formats of one file only"):
        write_array(tmp_path / name, VOXELS, Grid.plain(VOXELS.shape))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_an_image_is_not_written_in_part(tmp_path, name):
    """ITK cuts NIfTI files off without an error if the disk is full; a limit of the size does the same."""
    image = np.random.default_rng(0).normal(size=(300, 400)).astype(np.float32)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(OSError, match="No space left on device"):
            write_array(tmp_path / name, image, Grid.plain(image.shape))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_an_error_of_the_disk_in_every_format(tmp_path, monkeypatch):
    """An algorithm in a container gets MetaImage files; a session tells a full disk from the method's failure."""

    def full(*_, **__):
        raise RuntimeError("ITK ERROR: File cannot be written\nReason: No space left on device")

    monkeypatch.setattr(sitk, "WriteImage", full)
    with pytest.raises(OSError, match="No space left on device"):
        write_array(tmp_path / "a.mha", np.zeros((2, 2)), Grid.plain((2, 2)))
