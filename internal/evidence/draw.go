package evidence

import (
	"bytes"
	"image"
	"image/png"
	"math"

	"github.com/spikeray/spikeray/pkg/model"
)

// Picture is a drawing of the size of the prepared picture, as a PNG file.
type Picture struct {
	// Name is "prepared", or "activation", "occlusion_blur" or "occlusion_mean" with "_overlay" or "_map" behind it.
	Name string `json:"name"`
	// Scale is the magnitude, in log-odds, that has the full colour; 0 for a picture without a map.
	Scale float64 `json:"scale"`
	PNG   []byte  `json:"png,omitempty"`
	File  string  `json:"file,omitempty"` // where the PNG lies, if it is not here
}

// mapPictures is how many pictures there are at most.
const mapPictures = 7

// The palette goes from blue (against the positive label) over light grey to vermillion (for it). Both ends are of the palette
// of Okabe and Ito ("Color Universal Design", 2008), which people of any colour vision tell apart.
var (
	against = [3]float64{0, 114, 178}
	neutral = [3]float64{240, 240, 240}
	towards = [3]float64{213, 94, 0}
)

// draw makes the pictures. A map's colour is full where its magnitude is largest.
func (e *Evidence) draw(m *model.Model, picture []uint8, opacity float64) {
	p := m.Description().Preparation
	grey := &image.Gray{Pix: picture, Stride: p.Width, Rect: image.Rect(0, 0, p.Width, p.Height)}
	e.Pictures = []Picture{{Name: "prepared", PNG: encode(grey)}}
	add := func(name string, values []float64) {
		most := 0.0
		for _, v := range values {
			most = max(most, math.Abs(v))
		}
		over, alone := image.NewRGBA(grey.Rect), image.NewRGBA(grey.Rect)
		for i, v := range values {
			strength := 0.0
			if most > 0 {
				strength = v / most
			}
			shade := float64(picture[i])
			paint(over.Pix[4*i:], [3]float64{shade, shade, shade}, strength, opacity)
			paint(alone.Pix[4*i:], neutral, strength, 1)
		}
		e.Pictures = append(e.Pictures,
			Picture{Name: name + "_overlay", Scale: most, PNG: encode(over)}, Picture{Name: name + "_map", Scale: most, PNG: encode(alone)})
	}
	if a := e.Activation; a != nil {
		add("activation", spread(a.Sum, p.Width, p.Height, len(a.Sum[0]), len(a.Sum), 1))
	}
	if o := e.Occlusion; o != nil {
		for _, f := range o.Fills {
			add("occlusion_"+string(f.Fill), spread(f.Map, p.Width, p.Height, o.units, o.units, o.span))
		}
	}
}

// Over draws the map of a fill over the film that the picture was prepared from: upright, of any size, and covered by the map in
// the region. The scale is as in [Picture].
func (o *Occlusion) Over(film *image.Gray, region model.Region, fill Fill, opacity float64) (drawn *image.RGBA, scale float64) {
	var units []float64 // the map by unit, of which a cell covers span each way
	for _, f := range o.Fills {
		if f.Fill == fill {
			units = spread(f.Map, o.units, o.units, o.units, o.units, o.span)
		}
	}
	for _, v := range units {
		scale = max(scale, math.Abs(v))
	}
	size := film.Rect.Size()
	drawn = image.NewRGBA(image.Rectangle{Max: size})
	columns, rows := along(size.X, region.X, region.Width, o.units), along(size.Y, region.Y, region.Height, o.units)
	for y := range size.Y {
		for x := range size.X {
			grey := float64(film.Pix[y*film.Stride+x])
			strength := 0.0
			if scale > 0 && columns[x] >= 0 && rows[y] >= 0 {
				strength = units[rows[y]*o.units+columns[x]] / scale
			}
			paint(drawn.Pix[y*drawn.Stride+4*x:], [3]float64{grey, grey, grey}, strength, opacity)
		}
	}
	return drawn, scale
}

// along says in which unit of a region each of n pixels lies; -1 is outside.
func along(n int, from, share float64, units int) []int {
	out := make([]int, n)
	for i := range out {
		at := math.Floor(((float64(i)+0.5)/float64(n) - from) / share * float64(units))
		if out[i] = -1; at >= 0 && at < float64(units) {
			out[i] = int(at)
		}
	}
	return out
}

// paint sets a pixel to a mixture of a colour and the palette's end for a strength from -1 to 1, which the opacity limits.
func paint(to []uint8, from [3]float64, strength, opacity float64) {
	end := towards
	if strength < 0 {
		end, strength = against, -strength
	}
	c := [3]uint8{}
	for i := range c {
		c[i] = uint8(math.Round(from[i] + opacity*strength*(end[i]-from[i])))
	}
	copy(to, []uint8{c[0], c[1], c[2], 255})
}

// spread lays a map over a picture's pixels. The picture is divided into units, and a cell covers span of them each way; a pixel
// has the mean of the cells over it.
func spread(cells [][]float64, width, height, columns, rows, span int) []float64 {
	out, over := make([]float64, width*height), make([]float64, width*height)
	for y, row := range cells {
		for x, v := range row {
			for py := y * height / rows; py < (y+span)*height/rows; py++ {
				for px := x * width / columns; px < (x+span)*width/columns; px++ {
					out[py*width+px] += v
					over[py*width+px]++
				}
			}
		}
	}
	for i := range out {
		out[i] /= max(1, over[i])
	}
	return out
}

func encode(img image.Image) []byte {
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		panic("evidence: " + err.Error()) // the size is a model's, and memory takes every byte
	}
	return out.Bytes()
}
