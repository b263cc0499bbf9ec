package report

import (
	"fmt"
	"image"
	"image/color"
	"strings"
	"sync"

	"golang.org/x/image/draw"
	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// Sizes of a secondary capture, in pixels.
const (
	maxSide  = 1024 // of the picture
	minWidth = 512  // of the whole, so that the banner can be read
	maxRows  = 3    // lines that one part of the banner may take
)

var typeface = sync.OnceValues(func() (*opentype.Font, error) { return opentype.Parse(goregular.TTF) })

// bannered draws a picture with square pixels below a banner, in grey if the picture is grey and in colour if not. Nothing is
// drawn on the picture.
func bannered(picture image.Image, aspect float64, lines []string) (draw.Image, error) {
	size, err := squared(picture.Bounds().Size(), aspect)
	if err != nil {
		return nil, err
	}
	width := max(size.X, minWidth)
	face, err := faceFor(width)
	if err != nil {
		return nil, err
	}
	defer face.Close()
	height := face.Metrics().Height.Ceil()
	margin := height / 2
	var rows []string
	for _, line := range lines {
		rows = append(rows, wrap(face, line, width-2*margin)...)
	}
	top := 2*margin + height*len(rows)

	whole := image.Rect(0, 0, width, top+size.Y)
	var out draw.Image
	if _, grey := picture.(*image.Gray); grey {
		out = image.NewGray(whole)
	} else {
		out = image.NewRGBA(whole)
	}
	d := font.Drawer{Dst: out, Src: image.NewUniform(color.White), Face: face}
	for i, row := range rows {
		d.Dot = fixed.P(margin, margin+i*height+face.Metrics().Ascent.Ceil())
		d.DrawString(row)
	}
	left := (width - size.X) / 2
	place := image.Rect(left, top, left+size.X, top+size.Y)
	if size == picture.Bounds().Size() {
		place1to1(out, place, picture)
	} else {
		draw.BiLinear.Scale(out, place, picture, picture.Bounds(), draw.Src, nil)
	}
	return out, nil
}

// place1to1 puts a picture where it fits exactly. Package draw has no quick way between grey pictures.
func place1to1(out draw.Image, place image.Rectangle, picture image.Image) {
	from, isGrey := picture.(*image.Gray)
	to, toGrey := out.(*image.Gray)
	if !isGrey || !toGrey {
		draw.Draw(out, place, picture, picture.Bounds().Min, draw.Src)
		return
	}
	for y := range place.Dy() {
		copy(to.Pix[to.PixOffset(place.Min.X, place.Min.Y+y):][:place.Dx()], from.Pix[from.PixOffset(from.Rect.Min.X, from.Rect.Min.Y+y):])
	}
}

// squared is the size of a picture once its pixels are square: never larger than it came, and at most maxSide.
func squared(size image.Point, aspect float64) (image.Point, error) {
	if aspect == 0 {
		aspect = 1
	}
	if size.X <= 0 || size.Y <= 0 {
		return size, fmt.Errorf("%w: it is empty", ErrNoPicture)
	}
	if !(aspect >= 0.1 && aspect <= 10) {
		return size, fmt.Errorf("%w: its pixels are %v times as high as wide, want 0.1 to 10", ErrNoPicture, aspect)
	}
	width, height := float64(size.X), float64(size.Y)
	if aspect > 1 {
		width /= aspect
	} else {
		height *= aspect
	}
	shrink := min(1, maxSide/max(width, height))
	return image.Pt(max(1, int(width*shrink+0.5)), max(1, int(height*shrink+0.5))), nil
}

// faceFor is the font for a width: some eighty characters fit in a line.
func faceFor(width int) (font.Face, error) {
	f, err := typeface()
	if err != nil {
		return nil, err
	}
	return opentype.NewFace(f, &opentype.FaceOptions{Size: float64(max(width/42, 13)), DPI: 72, Hinting: font.HintingFull})
}

// wrap cuts an ASCII text into rows that fit, at spaces where there are any. A text that takes too many rows ends in dots.
func wrap(face font.Face, text string, width int) []string {
	var rows []string
	row, at := "", 0 // at is how much of the width the row takes
	space := advance(face, ' ')
	for _, word := range strings.Fields(text) {
		if len(rows) > maxRows {
			break // the rest will not be seen
		}
		long := measure(face, word)
		if row != "" && at+space+long <= width {
			row, at = row+" "+word, at+space+long
			continue
		}
		if row != "" {
			rows = append(rows, row)
		}
		for long > width && len(rows) <= maxRows {
			n := fitting(face, word, width)
			rows = append(rows, word[:n])
			word = word[n:]
			long = measure(face, word)
		}
		row, at = word, long
	}
	if row != "" {
		rows = append(rows, row)
	}
	if len(rows) > maxRows {
		const dots = " ..."
		last := rows[maxRows-1]
		rows = rows[:maxRows]
		rows[maxRows-1] = last[:fitting(face, last, width-measure(face, dots))] + dots
	}
	return rows
}

// advance is how many pixels a character takes, rounded up, so that their sum is never less than the text takes.
func advance(face font.Face, c byte) int {
	a, _ := face.GlyphAdvance(rune(c))
	return a.Ceil()
}

func measure(face font.Face, text string) int {
	sum := 0
	for i := range len(text) {
		sum += advance(face, text[i])
	}
	return sum
}

// fitting is how many of a text's characters fit in a width; one at least, so that there is an end to what is cut.
func fitting(face font.Face, text string, width int) int {
	sum := 0
	for i := range len(text) {
		if sum += advance(face, text[i]); sum > width {
			return max(i, 1)
		}
	}
	return len(text)
}
