"""Writes small slices in every form that is read, with what pydicom, GDCM, Pillow and nibabel read from them.

pip install pydicom==3.0.2 python-gdcm nibabel==5.4.2 pillow numpy
python make_vectors.py vectors
"""
import io
import pathlib
import sys

import nibabel
import numpy as np
import PIL.Image
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import generate_uid

out = pathlib.Path(sys.argv[1])
out.mkdir(exist_ok=True)
expected = {}
rng = np.random.default_rng(1)
CT = "1.2.840.10008.5.1.4.1.1.2"
IMPLICIT, EXPLICIT, DEFLATED, BIG, RLE, JPEG, LOSSLESS, LOSSLESS_FIRST = (
    "1.2.840.10008.1.2" + end for end in ("", ".1", ".1.99", ".2", ".5", ".4.50", ".4.57", ".4.70"))


def dataset(pixels, syntax=EXPLICIT, stored=16):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = CT, generate_uid(entropy_srcs=["vector"])
    meta.TransferSyntaxUID = syntax
    ds = FileDataset(None, {}, file_meta=meta, preamble=bytes(128))
    ds.SOPClassUID, ds.SOPInstanceUID = CT, meta.MediaStorageSOPInstanceUID
    ds.SpecificCharacterSet, ds.PatientName, ds.PatientID = "ISO_IR 192", "Müller^Jörg", "id 7"
    ds.Modality, ds.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.StudyInstanceUID = ds.SeriesInstanceUID = "1.2.3"
    ds.ImagePositionPatient, ds.ImageOrientationPatient = [-1.5, 2.25, -7.125], [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing, ds.InstanceNumber = [0.75, 0.75], 1
    ds.Rows, ds.Columns = pixels.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = pixels.dtype.itemsize * 8, stored, stored - 1
    ds.PixelRepresentation = int(pixels.dtype.kind == "i")
    ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = "1.5", "-1024", "HU"
    # Sequences of defined and undefined length before the pixels.
    inner = pydicom.Dataset()
    inner.CodeValue = "x"
    outer = pydicom.Dataset()
    outer.PurposeOfReferenceCodeSequence = pydicom.Sequence([inner])
    outer["PurposeOfReferenceCodeSequence"].is_undefined_length = True
    ds.SourceImageSequence = pydicom.Sequence([outer, outer])
    ds["SourceImageSequence"].is_undefined_length = True
    ds.RequestAttributesSequence = pydicom.Sequence([inner])
    ds.PixelData = pixels.astype(pixels.dtype.newbyteorder(">") if syntax == BIG else pixels.dtype).tobytes()
    return ds


def save(name, ds, pixels):
    ds.save_as(out / f"{name}.dcm", enforce_file_format=True)
    back = pydicom.dcmread(out / f"{name}.dcm")
    if back.file_meta.TransferSyntaxUID != JPEG:
        assert (back.pixel_array == pixels).all(), name
    hu = pixels * float(ds.RescaleSlope) + float(ds.RescaleIntercept)
    expected[f"{name}.dcm"] = hu[None].astype(np.float32)


signed = rng.integers(-2000, 2000, (6, 6), dtype=np.int16)
twelve = rng.integers(0, 4096, (6, 6), dtype=np.uint16)
eight = rng.integers(0, 256, (5, 5), dtype=np.uint8)
for name, syntax in [("implicit", IMPLICIT), ("explicit", EXPLICIT), ("deflated", DEFLATED), ("big", BIG)]:
    ds = dataset(signed, syntax)
    ds.set_original_encoding(syntax == IMPLICIT, syntax != BIG)
    save(name, ds, signed)
save("twelve", dataset(twelve, stored=12), twelve)
save("eight", dataset(eight, stored=8), eight)
runs = np.repeat(np.repeat(twelve[:3, :3], 2, 0), 2, 1)
for name, pixels, stored in [("rle", runs, 12), ("rle_signed", signed, 16), ("rle_eight", eight, 8)]:
    ds = dataset(pixels, stored=stored)
    ds.compress(RLE, encoding_plugin="pydicom", generate_instance_uid=False)
    save(name, ds, pixels)

# NIfTI: what nibabel turns to right, anterior, superior, turned to the rows and columns of axial DICOM.
volume = rng.integers(-1000, 1000, (4, 4, 3)).astype(np.int16)
TURNS = {"ras": np.diag([2, 2, 3, 1.0]), "lps": np.diag([-2, -2, 3, 1.0]),
         "sagittal": np.array([[0, 0, 2, 5], [-2, 0, 0, 7], [0, 3, 0, -9], [0, 0, 0, 1.0]]),
         "coronal": np.array([[2, 0, 0, 0], [0, 0, -2, 0], [0, -1, 0, 4], [0, 0, 0, 1.0]])}


def save_nifti(name, image):
    nibabel.save(image, out / name)
    canonical = nibabel.as_closest_canonical(nibabel.load(out / name))
    hu = canonical.get_fdata().reshape(canonical.shape[:3])[::-1, ::-1].transpose(2, 1, 0)
    size = max(hu.shape[1:])
    square = np.full((len(hu), size, size), -1000, np.float32)
    top, left = (size - hu.shape[1]) // 2, (size - hu.shape[2]) // 2
    square[:, top:top + hu.shape[1], left:left + hu.shape[2]] = hu
    expected[name] = square


for turn, affine in TURNS.items():
    for form in ("sform", "qform"):
        image = nibabel.Nifti1Image(volume, affine)
        image.header["sform_code" if form == "qform" else "qform_code"] = 0
        image.header["qform_code" if form == "qform" else "sform_code"] = 1
        save_nifti(f"{turn}_{form}.nii", image)
for kind in ("uint8", "int8", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"):
    whole = np.abs(volume % 128) if kind.startswith("u") or kind == "int8" else volume
    image = nibabel.Nifti1Image(whole.astype(kind), TURNS["lps"], dtype=kind)
    image.header.set_slope_inter(1.25, -3)
    save_nifti(f"{kind}.nii.gz", image)
image = nibabel.Nifti1Image(volume[..., None], TURNS["ras"], nibabel.Nifti1Header(endianness=">"))
save_nifti("big.nii", image)

# JPEG as GDCM writes it; imported here, since its zlib breaks Python's.
import gdcm  # noqa: E402

for name, pixels, stored, syntax in [
    ("lossless", twelve, 12, gdcm.TransferSyntax.JPEGLosslessProcess14),
    ("lossless_first", twelve, 16, gdcm.TransferSyntax.JPEGLosslessProcess14_1),
    ("lossless_signed", signed, 16, gdcm.TransferSyntax.JPEGLosslessProcess14_1),
    ("lossless_eight", np.pad(eight, (0, 1)), 8, gdcm.TransferSyntax.JPEGLosslessProcess14_1),
]:
    plain, packed = str(out / "plain.dcm"), str(out / f"{name}.dcm")
    dataset(pixels, stored=stored).save_as(plain, enforce_file_format=True)
    reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
    reader.SetFileName(plain)
    assert reader.Read()
    change.SetTransferSyntax(gdcm.TransferSyntax(syntax))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer.SetFileName(packed)
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    pathlib.Path(plain).unlink()
    save(name, pydicom.dcmread(packed), pixels)

smooth = (np.add.outer(np.arange(16), np.arange(16)) * 8).astype(np.uint8)
stream = io.BytesIO()
PIL.Image.fromarray(smooth).save(stream, "JPEG", quality=95)
ds = dataset(smooth, JPEG, stored=8)
ds.PixelData = encapsulate([stream.getvalue()])
ds["PixelData"].is_undefined_length = True
save("jpeg", ds, np.asarray(PIL.Image.open(stream)))

np.savez_compressed(out / "expected.npz", **expected)
