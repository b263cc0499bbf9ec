package radiograph

import (
	"context"
	"encoding/binary"
	"errors"
	"image"
	"math/rand/v2"
	"strings"
	"testing"
)

// aBMP is a file of the given way that holds greyRamp.
func aBMP(w bmpWay) []byte {
	if w.bits > 8 && w.compression == bmpRaw {
		w.masks = [4]uint32{0xff0000, 0xff00, 0xff}
	}
	for v := range 256 {
		if w.bits <= 8 {
			w.levels = append(w.levels, byte(v))
		}
	}
	return w.encode(rand.New(rand.NewPCG(1, 1)), greyRamp())
}

func TestBMPAlphaCountsWhereItIsDeclaredAndUsed(t *testing.T) {
	masked := [4]uint32{0xff0000, 0xff00, 0xff, 0xff000000}
	for _, c := range []struct {
		name        string
		way         bmpWay
		transparent bool
	}{
		{"plain, half", bmpWay{header: 40, bits: 32, padding: 128}, false},
		{"plain of the fifth version, half", bmpWay{header: 124, bits: 32, padding: 128}, false},
		{"masks without alpha, half", bmpWay{header: 124, bits: 32, compression: bmpBitfields, masks: [4]uint32{0xff0000, 0xff00, 0xff}, padding: 128}, false},
		{"alpha declared, nought", bmpWay{header: 124, bits: 32, compression: bmpBitfields, masks: masked}, false},
		{"alpha declared, full", bmpWay{header: 124, bits: 32, compression: bmpBitfields, masks: masked, padding: 255}, false},
		{"alpha declared, half", bmpWay{header: 124, bits: 32, compression: bmpBitfields, masks: masked, padding: 128}, true},
	} {
		p, err := Decode(context.Background(), aBMP(c.way), Limits{})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		got, want := p.Image.(*image.Gray).GrayAt(100, 80).Y, uint8(180)
		if c.transparent {
			want = over(180, 128)
		}
		if got != want || warned(p, "alpha") != c.transparent {
			t.Errorf("%s: %d, want %d; warnings %q", c.name, got, want, p.Warnings)
		}
	}
}

func TestBMPRefusesByName(t *testing.T) {
	set := func(w bmpWay, at int, v byte) []byte {
		file := aBMP(w)
		file[at] = v
		return file
	}
	plain, long := bmpWay{header: 40, bits: 24}, bmpWay{header: 64, bits: 8}
	for _, c := range []struct {
		data []byte
		kind error
		want string
	}{
		{set(plain, 30, bmpJPEG), ErrUnknownFormat, "JPEG inside"}, {set(plain, 30, bmpPNG), ErrUnknownFormat, "PNG inside"},
		{set(plain, 30, 11), ErrUnknownFormat, "compression 11"}, {set(plain, 30, bmpRLE8), ErrUnknownFormat, "compression 1 of 24"},
		{set(long, 30, 3), ErrUnknownFormat, "Huffman"}, {set(long, 30, 4), ErrUnknownFormat, "24 bits, of OS/2"},
		{set(plain, 28, 64), ErrUnknownFormat, "64 bits"}, {set(plain, 28, 0), ErrUnknownFormat, "0 bits"}, {set(plain, 14, 200), ErrUnknownFormat, "header of 200"},
		{set(plain, 10, 20), ErrNotPicture, "inside the headers"},
		{aBMP(bmpWay{header: 124, bits: 32, compression: bmpBitfields, masks: [4]uint32{0xff00ff, 0xff00, 0xff}}), ErrNotPicture, "gap"},
		{aBMP(bmpWay{header: 124, bits: 32, compression: bmpBitfields}), ErrNotPicture, "empty"},
	} {
		if _, err := Decode(context.Background(), c.data, Limits{}); !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

func TestBMPRunsEndWhereTheySay(t *testing.T) {
	// 100 rows of one run, and then the mark that the picture ends: what is left keeps the first colour.
	file := aBMP(bmpWay{header: 40, bits: 8, compression: bmpRLE8})
	pixels := binary.LittleEndian.Uint32(file[10:])
	var runs []byte
	for range 100 {
		runs = append(runs, 200, 77, 0, 0) // longer than a row
	}
	early := append(append(append([]byte{}, file[:pixels]...), runs...), 0, 1)
	p, err := Decode(context.Background(), early, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if grey := p.Image.(*image.Gray); grey.GrayAt(0, 3).Y != 0 || grey.GrayAt(119, 4).Y != 77 || grey.GrayAt(0, 103).Y != 77 {
		t.Error("runs are not where they belong")
	}
	if _, err := Decode(context.Background(), early[:len(early)-2], Limits{}); !errors.Is(err, ErrNotPicture) {
		t.Errorf("no mark: %v", err)
	}
}

func TestBMPStopsWithItsContext(t *testing.T) {
	for _, w := range []bmpWay{{header: 40, bits: 24}, {header: 40, bits: 8, compression: bmpRLE8}} {
		data := aBMP(w)
		h, err := readBMP(data, everything)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := decodeBMP(ctx, data, h); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	}
}
