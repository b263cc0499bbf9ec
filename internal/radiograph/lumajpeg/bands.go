package lumajpeg

import (
	"image"

	"github.com/spikeray/spikeray/internal/radiograph/pixels"
)

// allocate makes room for the picture and for what comes before it. Files whose samples
// have to be enlarged or mixed have bands: the samples of one row of MCUs, and above them
// the last row of the MCUs before.
func (d *decoder) allocate() {
	f := &d.file
	for i := range f.components[:f.count] {
		c, p := &f.components[i], &d.parts[i]
		if f.buffered {
			p.store = newCoefficients(c)
		}
		if !c.needed {
			d.picture.Of += int64(c.across) * int64(c.down)
		} else if !f.Luma() {
			stride := 8 * c.stride
			p.band = make([]byte, (1+8*c.v)*stride)
			p.samples = samples{pix: p.band[stride:], stride: stride}
			p.enlarged = make([]byte, stride*(f.hMax/c.h))
		}
	}
	if !f.Luma() {
		d.picture.Gray = pixels.Gray(f.Width, f.Height)
		if f.model > ycc {
			d.picture.Of = int64(f.Width) * int64(f.Height)
		}
		return
	}
	c, size := &f.components[0], 8/d.reduce
	d.picture.Gray = pixels.Gray(c.stride*size, c.rows*size)
	d.parts[0].samples = samples{pix: d.picture.Gray.Pix, stride: c.stride * size}
}

// emit makes the picture's rows of a row of MCUs. A row that is enlarged with the one
// below it waits for the next MCUs.
func (d *decoder) emit(row int) {
	f := &d.file
	waits := 0
	for i := range f.components[:f.count] {
		if c := &f.components[i]; c.needed && 2*c.v == f.vMax {
			waits = 1
		}
	}
	from, to := max(row*8*f.vMax-waits, 0), min((row+1)*8*f.vMax-waits, f.Height)
	if row == f.mcusDown-1 {
		to = f.Height
	}
	var channels [4][]byte
	for y := from; y < to; y++ {
		for i := range f.components[:f.count] {
			if f.components[i].needed {
				channels[i] = d.enlarge(i, row, y)
			}
		}
		d.mix(d.picture.Gray.Pix[y*f.Width:][:f.Width], &channels)
	}
	for i := range f.components[:f.count] {
		if c, p := &f.components[i], &d.parts[i]; c.needed {
			copy(p.band, p.band[len(p.band)-p.samples.stride:])
			p.samples.top = (row + 1) * c.v
		}
	}
}

// finish is the picture once everything is decoded.
func (d *decoder) finish() *Picture {
	p := d.picture
	p.Gray.Rect.Max = image.Pt(ceilDiv(d.file.Width, d.reduce), ceilDiv(d.file.Height, d.reduce))
	p.Damage = d.damage.String()
	return &p
}
