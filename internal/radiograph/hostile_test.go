package radiograph

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"image"
	"math/rand/v2"
	"runtime"
	"testing"

	"golang.org/x/image/tiff"
)

// everyFormat is one good file of each format and kind of coding.
func everyFormat(t testing.TB) map[string][]byte {
	small := greyRamp().SubImage(image.Rect(0, 0, 24, 20))
	files := map[string][]byte{
		"png": asPNG(t, small), "bmp": asBMP(t, small), "jpeg": asJPEG(t, small),
		"tiff": asTIFF(t, small, tiff.Uncompressed), "tiff deflated": asTIFF(t, small, tiff.Deflate),
	}
	for name, w := range map[string]bmpWay{
		"bmp runs": {header: 40, bits: 8, compression: bmpRLE8}, "bmp os2": {header: 12, bits: 8},
		"bmp masks": {header: 124, bits: 32, compression: bmpBitfields, masks: [4]uint32{0xff, 0xff00, 0xff0000, 0xff000000}, padding: 200},
	} {
		for v := range 256 {
			if w.bits == 8 {
				w.levels = append(w.levels, byte(v))
			}
		}
		files[name] = w.encode(rand.New(rand.NewPCG(1, 1)), small.(*image.Gray))
	}
	for name, w := range map[string]tiffWay{
		"tiff tiled":  {bits: 16, colours: 1, photometric: 0, compression: tiffLZW, predicted: true, tiled: true, width: 16, height: 16},
		"tiff planes": {bits: 8, colours: 3, extra: 1, alpha: 2, photometric: 2, compression: tiffPackBits, separate: true, big: true, height: 7},
		"tiff pages":  {bits: 12, colours: 1, photometric: 1, compression: tiffDeflate, motorola: true, lowBitFirst: true, fullBelow: true, height: 20},
	} {
		files[name] = w.encode(rand.New(rand.NewPCG(1, 1)), small.(*image.Gray))
	}
	for _, name := range []string{"colour_420.jpg", "grey_progressive.jpg", "colour_progressive.jpg", "restart.jpg", "cmyk.jpg", "rgb.jpg", "lossless.webp", "lossy.webp", "alpha.webp"} {
		files[name] = fixture(t, name)
	}
	return files
}

var everything = Limits{TIFF: true, WebP: true}

// TestEveryTruncationIsAnError cuts each file at every byte.
func TestEveryTruncationIsAnError(t *testing.T) {
	for name, file := range everyFormat(t) {
		if _, err := Decode(context.Background(), file, everything); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for n := range file {
			p, err := Decode(context.Background(), file[:n], everything)
			// A TIFF's last bytes may be tags that matter to nobody, and a BMP's run lengths may lack
			// their closing mark; the picture is whole without them.
			if err == nil && (p.Format == "tiff" || name == "bmp runs") {
				whole, _ := Decode(context.Background(), file, everything)
				if bytes.Equal(whole.Image.(*image.Gray).Pix, p.Image.(*image.Gray).Pix) {
					continue
				}
			}
			if !errors.Is(err, ErrNotPicture) {
				t.Errorf("%s cut to %d of %d bytes: %v", name, n, len(file), err)
				break
			}
		}
	}
}

// TestTruncatedScanWithEOI is the truncated JPEG that was given an end again.
func TestTruncatedScanWithEOI(t *testing.T) {
	for _, name := range []string{"grey.jpg", "colour_420.jpg", "grey_progressive.jpg", "colour_progressive.jpg"} {
		file := fixture(t, name)
		for n := bytes.Index(file, []byte{0xff, 0xda}) + 16; n < len(file)-4; n++ {
			if file[n-1] == 0xff {
				continue
			}
			cut := append(append([]byte{}, file[:n]...), 0xff, 0xd9)
			if _, err := Decode(context.Background(), cut, Limits{}); !errors.Is(err, ErrNotPicture) {
				t.Errorf("%s cut to %d of %d bytes: %v", name, n, len(file), err)
				break
			}
		}
	}
}

func TestDamageThatLeavesAPictureIsWarnedOf(t *testing.T) {
	for _, name := range []string{"grey.jpg", "colour_420.jpg", "grey_progressive.jpg", "restart.jpg", "cmyk.jpg"} {
		file := fixture(t, name)
		end, second := len(file)-2, 4+int(binary.BigEndian.Uint16(file[4:]))
		for where, harmed := range map[string][]byte{
			"before EOI":       append(append(append([]byte{}, file[:end]...), 0, 0), file[end:]...),
			"between segments": append(append(append([]byte{}, file[:second]...), 1), file[second:]...),
		} {
			p, err := Decode(t.Context(), harmed, Limits{})
			if err != nil {
				t.Errorf("%s, bytes %s: %v", name, where, err)
				continue
			}
			sound, err := Decode(t.Context(), file, Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if !warned(p, "damaged") || warned(sound, "damaged") || len(p.Warnings) != len(sound.Warnings)+1 {
				t.Errorf("%s, bytes %s: warnings %q, without them %q", name, where, p.Warnings, sound.Warnings)
			}
			if !bytes.Equal(p.Image.(*image.Gray).Pix, sound.Image.(*image.Gray).Pix) {
				t.Errorf("%s, bytes %s: another picture", name, where)
			}
		}
	}
}

func TestGarbageAfterTheEndIsIgnored(t *testing.T) {
	for _, name := range []string{"grey.jpg", "colour_progressive.jpg"} {
		if _, err := Decode(context.Background(), append(fixture(t, name), "thumbnails and the like"...), Limits{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// allocated is the memory that a call takes from the heap in all.
func allocated(call func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	call()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestLimitsComeBeforeMemory(t *testing.T) {
	const w, h = 30000, 30000
	pngFile := asPNG(t, greyRamp())
	binary.BigEndian.PutUint32(pngFile[16:], w)
	binary.BigEndian.PutUint32(pngFile[20:], h)
	binary.BigEndian.PutUint32(pngFile[29:], binary.BigEndian.Uint32(chunk("IHDR", pngFile[16:29])[21:]))
	jpegFile := asJPEG(t, greyRamp())
	frame := jpegFile[bytes.Index(jpegFile, []byte{0xff, 0xc0}):]
	binary.BigEndian.PutUint16(frame[5:], h)
	binary.BigEndian.PutUint16(frame[7:], w)
	bmpFile := asBMP(t, greyRamp())
	binary.LittleEndian.PutUint32(bmpFile[18:], w)
	binary.LittleEndian.PutUint32(bmpFile[22:], h)
	// The same sizes in files whose length makes them impossible, under limits that
	// would allow them.
	for name, file := range map[string][]byte{"png": pngFile, "jpeg": jpegFile, "bmp": bmpFile} {
		for limit, want := range map[int]error{0: ErrTooLarge, w * h: ErrNotPicture} {
			var err error
			taken := allocated(func() { _, err = Decode(context.Background(), file, Limits{MaxPixels: limit}) })
			if !errors.Is(err, want) {
				t.Errorf("%s at limit %d: %v", name, limit, err)
			}
			if taken > 1<<20 {
				t.Errorf("%s at limit %d: %d bytes taken before refusing", name, limit, taken)
			}
		}
	}
	for name, file := range everyFormat(t) {
		limits := everything
		limits.MaxPixels = 24*20 - 1
		if _, err := Decode(context.Background(), file, limits); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s one pixel above the limit: %v", name, err)
		}
	}
	long := image.NewGray(image.Rect(0, 0, MaxSide+1, 16))
	if _, err := Decode(context.Background(), asPNG(t, long), Limits{}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a side too long: %v", err)
	}
}

// scanPlace finds the last scan of a progressive JPEG.
func lastScan(file []byte) (from, to int) {
	return bytes.LastIndex(file, []byte{0xff, 0xda}), len(file) - 2
}

func TestProgressiveFilesMustBeWholeAndModest(t *testing.T) {
	file := fixture(t, "grey_progressive.jpg")
	from, to := lastScan(file)
	lacking := append(append([]byte{}, file[:from]...), 0xff, 0xd9)
	if _, err := Decode(context.Background(), lacking, Limits{}); !errors.Is(err, ErrNotPicture) {
		t.Errorf("a scan missing: %v", err)
	}
	// The last scan refines by a bit; sent again and again it costs a few bytes.
	var bomb []byte
	bomb = append(bomb, file[:to]...)
	for range 100 {
		bomb = append(bomb, file[from:to]...)
	}
	bomb = append(bomb, 0xff, 0xd9)
	if _, err := Decode(context.Background(), bomb, Limits{MaxPixels: 45 * 40}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a hundred scans: %v", err)
	}
}

func TestMissingComponentIsAnError(t *testing.T) {
	// A frame of three components of which the scan sends one: image/jpeg would
	// return it, green.
	file := asJPEG(t, greyRamp())
	at := bytes.Index(file, []byte{0xff, 0xc0})
	frame := append([]byte{}, file[at:at+13]...)
	frame[3], frame[9] = 17, 3
	frame = append(frame, 2, 0x11, 0, 3, 0x11, 0)
	three := append(append(append([]byte{}, file[:at]...), frame...), file[at+13:]...)
	if _, err := Decode(context.Background(), three, Limits{}); !errors.Is(err, ErrNotPicture) {
		t.Errorf("chroma missing: %v", err)
	}
}

func TestDamagedPNGIsAnError(t *testing.T) {
	file := asPNG(t, greyRamp())
	file[len(file)/2] ^= 0x10
	if _, err := Decode(context.Background(), file, Limits{}); !errors.Is(err, ErrNotPicture) {
		t.Errorf("a bit flipped: %v", err)
	}
}

func TestNoise(t *testing.T) {
	for _, data := range [][]byte{nil, {}, {0xff}, []byte("\xff\xd8\xff"), []byte("hello"), make([]byte, 4096), []byte("BM"), []byte(pngMagic), []byte("RIFF\x00\x00\x00\x00WEBP")} {
		if _, err := Decode(context.Background(), data, everything); !errors.Is(err, ErrNotPicture) {
			t.Errorf("%q: %v", data[:min(len(data), 8)], err)
		}
	}
}
