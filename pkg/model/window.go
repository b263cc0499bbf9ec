package model

import "github.com/spikeray/spikeray/internal/kernel"

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

// apply writes the picture, at least one pixel, to dst as it is seen through its own window.
func (w *Window) apply(tier kernel.Tier, dst, picture []uint8) {
	pixels := int64(len(picture))
	low, high := pixels*int64(w.Low), pixels*int64(w.High) // in 65536ths of a pixel
	rank := func(target int64) int { return int(max(1, (target+windowShares-1)/windowShares)) }
	bottom, top := tier.Ranks(picture, rank(low), rank(high))
	table := w.table(quantile(bottom, low), quantile(top, high))
	tier.Translate(dst, picture, &table)
}

// quantile gives the grey, in parts of a level, that so many pixels lie below, in 65536ths of a pixel. The pixels of a
// level are taken as spread evenly from half a level below it to half a level above it.
func quantile(r kernel.Rank, target int64) int64 {
	return int64(r.Grey)*windowParts - windowParts/2 + (target-int64(r.Below)*windowShares)*windowParts/(int64(r.At)*windowShares)
}

// table is what each grey becomes.
func (w *Window) table(bottom, top int64) (table [256]uint8) {
	width := max(top-bottom, int64(w.Least)*windowParts)
	for grey := range table {
		table[grey] = uint8(min(max(((int64(grey)*windowParts-bottom)*maxPixel+width/2)/width, 0), maxPixel))
	}
	return table
}
