"""Writes the files of this folder and expected.json, which says what pydicom reads of them. Run it here with pydicom 3."""

import json
import struct
from io import BytesIO

from pydicom import config, dcmread
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import write_dataset
from pydicom.filebase import DicomBytesIO
from pydicom.sequence import Sequence
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit, UID
from pydicom.valuerep import PersonName

config.settings.reading_validation_mode = config.IGNORE
config.settings.writing_validation_mode = config.IGNORE

JSON = ["explicit", "big", "private", "utf8", "kana", "korean", "several"]
PIXELS = bytes(range(1, 17))


def base() -> Dataset:
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "", "AEC"]
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    ds.SOPInstanceUID = "1.2.826.0.1.3680043.8.498.1"
    ds.StudyDate = "20260102"
    ds.AccessionNumber = ""
    ds.Modality = "CR"
    ds.PatientName = "Müller^Jörg"
    ds.PatientAge = "003Y"
    ds.PatientComments = " two\\words, one value "
    ds.KVP = "120.5"
    ds.add_new(0x00081160, "IS", ["1", "-2", "+3"])
    ds.add_new(0x00089459, "FL", 0.5)
    ds.add_new(0x00186020, "SL", -70000)
    ds.add_new(0x0018602C, "FD", [1.25, -1e300])
    ds.add_new(0x00280009, "AT", [0x00181063, 0x00280010])
    ds.add_new(0x00280106, "US", 65535)
    ds.add_new(0x00280120, "SS", -2)
    ds.add_new(0x00180001, "UN", b"\x01\x02\x03\x04")
    ds.WindowCenter = ["100", "2048.5"]
    ds.Rows, ds.Columns = 2, 4
    return ds


def sequences(undefined: bool) -> Dataset:
    ds = base()
    inner = Dataset()
    inner.CodeValue = "A"
    inner.CodeMeaning = "größer"
    outer = Dataset()
    outer.ReferencedSOPInstanceUID = "1.2.3"
    outer.PurposeOfReferenceCodeSequence = Sequence([inner, Dataset()])
    ds.ReferencedImageSequence = Sequence([outer, Dataset()])
    ds.ProcedureCodeSequence = Sequence([])
    if undefined:
        for s in (ds, outer):
            for e in s:
                if e.VR == "SQ":
                    e.is_undefined_length = True
                    for i in e.value:
                        i.is_undefined_length_sequence_item = True
    return ds


def private() -> Dataset:
    ds = base()
    block = ds.private_block(0x0019, "SPIKERAY TEST", create=True)
    block.add_new(0x01, "DS", "1.5")
    block.add_new(0x02, "LO", "Größe")
    item = Dataset()
    item.add_new(0x00190010, "LO", "SPIKERAY TEST")
    item.add_new(0x00191003, "US", 7)
    block.add_new(0x04, "SQ", Sequence([item]))
    return ds


def file(ds: Dataset, syntax: str, **kw) -> bytes:
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = UID(syntax)
    out = BytesIO()
    ds.save_as(out, enforce_file_format=True, **kw)
    return out.getvalue()


def bare(ds: Dataset, implicit: bool, little: bool = True) -> bytes:
    fp = DicomBytesIO()
    fp.is_implicit_VR, fp.is_little_endian = implicit, little
    write_dataset(fp, ds)
    return fp.getvalue()


def explicit(tag: int, vr: str, value: bytes) -> bytes:
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr.encode()
    if vr in ("OB", "OW", "SQ", "UN", "UT"):
        return head + struct.pack("<HI", 0, len(value)) + value
    return head + struct.pack("<H", len(value)) + value


def value_of(e: DataElement, swap: bool):
    """What a reader has to tell of an element: texts, numbers, bytes in hexadecimal, or items."""
    if e.VR == "SQ":
        return [elements(i, swap) for i in e.value]
    v = e.value
    if isinstance(v, (bytes, bytearray)):
        if swap and e.VR == "OW":
            v = b"".join(v[i : i + 2][::-1] for i in range(0, len(v), 2))
        return bytes(v).hex()
    if v is None or v == "":
        return []
    values = list(v) if e.VM > 1 and not isinstance(v, (str, PersonName)) else [v]
    if e.VR in ("US", "SS", "UL", "SL", "AT", "FL", "FD", "DS", "IS"):
        return [float(x) for x in values]
    return [str(x).rstrip(" \0") if e.VR in ("LT", "ST", "UT", "UR") else str(x).strip(" \0") for x in values]


def elements(ds: Dataset, swap: bool):
    return [{"tag": f"{e.tag:08X}", "vr": e.VR, "value": value_of(e, swap)} for e in ds if e.tag.element != 0 or e.tag.group == 0]


def meta_less_length(data: bytes) -> bytes:
    at = 132
    assert data[at : at + 4] == b"\x02\x00\x00\x00"
    return data[:at] + data[at + 12 :]


def with_text(charset, name, description, comment) -> Dataset:
    ds = Dataset()
    ds.SpecificCharacterSet = charset
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    ds.SOPInstanceUID = "1.2.3"
    ds.PatientName = name
    ds.StudyDescription = description
    ds.PatientComments = comment
    item = Dataset()
    item.CodeMeaning = description
    ds.ProcedureCodeSequence = Sequence([item])
    return ds


def encapsulated(stream_tables: str) -> bytes:
    ds = base()
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelRepresentation = 7, 0
    ds.PixelData = encapsulate([b"\xff\xd8" + PIXELS], has_bot=stream_tables != "empty")
    ds["PixelData"].is_undefined_length = True
    data = file(ds, JPEGBaseline8Bit)
    if stream_tables == "wrong":
        at = data.rindex(b"\xfe\xff\x00\xe0\x04\x00\x00\x00\x00\x00\x00\x00")
        data = data[: at + 8] + b"\x99\x99\x99\x99" + data[at + 12 :]
    return data


def pixels(vr: str, bits: int) -> Dataset:
    ds = base()
    ds.BitsAllocated = bits
    ds.add_new(0x7FE00010, vr, PIXELS)
    return ds


def big_endian(vr: str, bits: int) -> bytes:
    """pydicom writes bytes as they are given, so they are given in big endian."""
    ds = pixels(vr, bits)
    if vr == "OW":
        ds[0x7FE00010].value = b"".join(PIXELS[i : i + 2][::-1] for i in range(0, 16, 2))
    return file(ds, ExplicitVRBigEndian)


def group_lengths() -> bytes:
    body = explicit(0x00080000, "UL", struct.pack("<I", 28)) + explicit(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.1\0")
    return body + explicit(0x00080060, "CS", b"CR") + explicit(0x00180000, "UL", b"\0\0\0\0") + explicit(0x00180060, "DS", b"70")


def unknown_of_unknown_length() -> bytes:
    """A sequence that was taken over as UN is in implicit VR little endian within."""
    item = bare(sequences(False).ReferencedImageSequence[0], True)
    un = struct.pack("<HH2sHI", 0x0008, 0x1140, b"UN", 0, 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item
    return explicit(0x00080005, "CS", b"ISO_IR 100") + explicit(0x00080060, "CS", b"CR") + un + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0) + explicit(0x00180015, "CS", b"CHEST ")


def main() -> None:
    files = {
        "implicit": file(sequences(False), ImplicitVRLittleEndian),
        "explicit": file(sequences(False), ExplicitVRLittleEndian),
        "big": file(sequences(True), ExplicitVRBigEndian),
        "deflated": file(sequences(True), DeflatedExplicitVRLittleEndian),
        "undefined_implicit": file(sequences(True), ImplicitVRLittleEndian),
        "undefined_explicit": file(sequences(True), ExplicitVRLittleEndian),
        "private": file(private(), ExplicitVRLittleEndian),
        "big_ow8": big_endian("OW", 8),
        "big_ow16": big_endian("OW", 16),
        "big_ob8": big_endian("OB", 8),
        "group_lengths": group_lengths(),
        "un_undefined": unknown_of_unknown_length(),
        "no_preamble": b"DICM" + file(base(), ExplicitVRLittleEndian)[132:],
        "bare_implicit": bare(sequences(False), True),
        "bare_explicit": bare(sequences(False), False),
        "bare_big": bare(sequences(False), False, False),
        "no_meta_length": meta_less_length(file(base(), ImplicitVRLittleEndian)),
        "meta_says_explicit": file(base(), ExplicitVRLittleEndian)[: -len(bare(base(), False))] + bare(base(), True),
        "meta_says_implicit": file(base(), ImplicitVRLittleEndian)[: -len(bare(base(), True))] + bare(base(), False),
        "table_empty": encapsulated("empty"),
        "table_right": encapsulated("right"),
        "table_wrong": encapsulated("wrong"),
        "padded": file(base(), ExplicitVRLittleEndian) + explicit(0xFFFCFFFC, "OB", bytes(20)),
        "out_of_order": explicit(0x00080060, "CS", b"CR") + explicit(0x00180015, "CS", b"CHEST ") + explicit(0x00080016, "UI", b"1.2\0"),
        "latin2": file(with_text("ISO_IR 101", "Łukasz^Żółć", "źdźbło", "ąęś"), ExplicitVRLittleEndian),
        "cyrillic": file(with_text("ISO_IR 144", "Люкceмбypг", "Грудная клетка", "снимок\\два"), ImplicitVRLittleEndian),
        "greek": file(with_text("ISO_IR 126", "Διονυσιος", "θώρακας", "α"), ExplicitVRLittleEndian),
        "arabic": file(with_text("ISO_IR 127", "قباني^لنزار", "صدر", "ص"), ExplicitVRLittleEndian),
        "hebrew": file(with_text("ISO_IR 138", "שרון^דבורה", "חזה", "ח"), ExplicitVRLittleEndian),
        "thai": file(with_text("ISO_IR 166", "นามสกุล^ชื่อ", "ทรวงอก", "ท"), ExplicitVRLittleEndian),
        "turkish": file(with_text("ISO_IR 148", "Çavuşoğlu^İğdır", "göğüs", "ş"), ExplicitVRLittleEndian),
        "utf8": file(with_text("ISO_IR 192", "Wang^XiaoDong=王^小东=", ["胸部", "größer"], "線"), ExplicitVRLittleEndian),
        "gb18030": file(with_text("GB18030", "Wang^XiaoDong=王^小东=", ["胸部", "乗乗"], "丂\\倀𠀀"), ExplicitVRLittleEndian),
        "gbk": file(with_text("GBK", "Wang^XiaoDong=王^小东=", ["胸部", "乗乗"], "丂\\倀"), ExplicitVRLittleEndian),
        "japanese": file(with_text(["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう", ["胸部", "正面"], "小児、胸部"), ExplicitVRLittleEndian),
        "kana": file(with_text(["ISO 2022 IR 13", "ISO 2022 IR 87"], "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう", ["胸部", "正面"], "ｷｮｳﾌﾞ"), ExplicitVRLittleEndian),
        "korean": file(with_text(["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동", ["흉부", "길동"], "흉부\r\n길동"), ExplicitVRLittleEndian),
        "chinese": file(with_text(["", "ISO 2022 IR 58"], "Zhang^XiaoDong=张^小东=", ["胸部", "小东"], "胸部"), ExplicitVRLittleEndian),
        "several": file(with_text(["ISO 2022 IR 100", "ISO 2022 IR 144"], "Buc^Jérôme=Люкceмбypг", ["é", "Л"], "é"), ExplicitVRLittleEndian),
    }
    expected = {}
    for name, data in files.items():
        with open(f"{name}.dcm", "wb") as f:
            f.write(data)
        ds = dcmread(BytesIO(bytes(128) + data if name == "no_preamble" else data), force=True)
        swap = ds.original_encoding == (False, False)
        list(ds.iterall())  # decodes all
        expected[name] = {"elements": elements(ds, swap)}
        if "TransferSyntaxUID" in ds.file_meta:
            expected[name]["syntax"] = ds.file_meta.TransferSyntaxUID
        if name in JSON:
            expected[name]["json"] = ds.to_json_dict()
    with open("expected.json", "w") as f:
        json.dump(expected, f, indent=None, ensure_ascii=False, separators=(",", ":"))
        f.write("\n")


main()
