package report

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/big"
	"strconv"
	"strings"

	"github.com/spikeray/spikeray/internal/dicom"
)

// derived is a UUID of version 8 (RFC 9562, 5.8) from a SHA-256 over what an object is made of. Each part is preceded by its
// length, so that no two lists of parts are the same bytes.
type derived [16]byte

func derive(parts ...string) derived {
	h := sha256.New()
	for _, p := range parts {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(p)))
		h.Write(length[:])
		h.Write([]byte(p))
	}
	var d derived
	copy(d[:], h.Sum(nil))
	d[6] = d[6]&0x0F | 0x80
	d[8] = d[8]&0x3F | 0x80
	return d
}

// uid is the UUID as a DICOM UID (PS3.5, B.2).
func (d derived) uid() string { return "2.25." + new(big.Int).SetBytes(d[:]).String() }

// String is the UUID as RFC 9562 writes it.
func (d derived) String() string {
	s := hex.EncodeToString(d[:])
	return strings.Join([]string{s[:8], s[8:12], s[12:16], s[16:20], s[20:]}, "-")
}

// object identifies a result object: by its kind and what is drawn on it, the film, the model and what the decision was made by. The backend and this
// program's version are left out, as they do not change an answer, and so is the time.
func (in *Input) object(kind string) derived {
	a := &in.Answer
	if kind == KindSC && in.Drawing != nil {
		kind += " " + in.Drawing.Name
	}
	parts := []string{"object", kind, in.source(), a.Model.Digest, "", "", ""}
	if a.OperatingPoint != nil {
		parts[4] = *a.OperatingPoint
	}
	if a.Threshold != nil {
		parts[5] = strconv.FormatFloat(*a.Threshold, 'g', -1, 64)
	}
	if a.Calibration != nil {
		parts[6] = a.Calibration.Digest
	}
	return derive(parts...)
}

// series identifies the series of a kind of objects of one model in one study.
func (in *Input) series(kind, study string) derived {
	return derive("series", kind, study, in.Answer.Model.Digest)
}

// device identifies what answered: this program with a model.
func (in *Input) device() derived { return derive("device", in.Answer.Model.Digest) }

// source is the film's UID, or for other pictures the name of the prediction.
func (in *Input) source() string {
	if in.Film != nil {
		return in.Film.String(dicom.SOPInstanceUID)
	}
	return "prediction " + in.ID
}
