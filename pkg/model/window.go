package model

// Window stretches the greys of a prepared picture over 0 to 255: from the grey below which a share Low of the pixels
// lies, to the grey below which a share High lies. docs/MODEL_FILE.md defines it, in whole numbers.
type Window struct {
	Low   int `json:"low"`   // in 65536ths of the pixels
	High  int `json:"high"`  // likewise, above Low
	Least int `json:"least"` // the window is at least so many grey levels wide
}

const (
	windowShares = 1 << 16
	windowParts  = 1 << 8 // of a grey level
)

func (w *Window) check() error {
	switch {
	case w == nil:
		return nil
	case w.Low < 0 || w.Low >= w.High || w.High > windowShares:
		return formatError("preparation.window", "low %d and high %d, expected 0 <= low < high <= %d", w.Low, w.High, windowShares)
	case w.Least < 1 || w.Least > maxPixel:
		return formatError("preparation.window.least", "%d, must be 1 to %d", w.Least, maxPixel)
	}
	return nil
}

// apply writes the picture, seen through its own window, to dst.
func (w *Window) apply(dst, picture []uint8) {
	// Neighbours are often of one grey, and a counter that was just written is slow to read.
	var parts [4][256]int64
	for i := 0; i+4 <= len(picture); i += 4 {
		four := picture[i : i+4 : i+4]
		parts[0][four[0]]++
		parts[1][four[1]]++
		parts[2][four[2]]++
		parts[3][four[3]]++
	}
	for _, p := range picture[len(picture)&^3:] {
		parts[0][p]++
	}
	histogram := parts[0]
	for _, part := range parts[1:] {
		for grey, n := range part {
			histogram[grey] += n
		}
	}
	pixels := int64(len(picture))
	table := w.table(quantile(&histogram, pixels*int64(w.Low)), quantile(&histogram, pixels*int64(w.High)))
	dst = dst[:len(picture)]
	for i, p := range picture {
		dst[i] = table[p]
	}
}

// quantile gives the grey, in parts of a level, that so many pixels lie below, in 65536ths of a pixel. The pixels of a
// level are taken as spread evenly from half a level below it to half a level above it.
func quantile(histogram *[256]int64, target int64) int64 {
	var below int64
	for grey, n := range histogram {
		if n > 0 && (below+n)*windowShares >= target {
			return int64(grey)*windowParts - windowParts/2 + (target-below*windowShares)*windowParts/(n*windowShares)
		}
		below += n
	}
	return 0 // of no pixels at all
}

// table is what each grey becomes.
func (w *Window) table(bottom, top int64) (table [256]uint8) {
	width := max(top-bottom, int64(w.Least)*windowParts)
	for grey := range table {
		table[grey] = uint8(min(max(((int64(grey)*windowParts-bottom)*maxPixel+width/2)/width, 0), maxPixel))
	}
	return table
}
