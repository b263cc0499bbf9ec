// Package drift compares a server's pictures and answers with the reference in the model's file, and estimates sensitivity
// and specificity without labels. It keeps bin numbers and log-odds, but no pixels and no patient data.
//
// It follows CheXstray (Soin et al. 2022, arXiv 2202.02833) and MMC+ (Merkow et al. 2024, arXiv 2410.13174), which watch
// inputs, their look and the answers together in a sliding window.
package drift

import (
	"math"
	"slices"
	"sync"

	"github.com/spikeray/spikeray/internal/kernel"
)

// Look has the measures of a prepared picture's look, as in docs/MODEL_FILE.md. A measure for which the picture is too small
// is NaN.
type Look struct {
	Brightness, Contrast, Range float64
	Detail                      [4]float64 // at 1, 2, 4 and 8 pixels
}

// halves is the working memory of Measure: a quarter of the picture, which no prediction need allocate anew.
var halves = sync.Pool{New: func() any { return new([]int32) }}

// Measure takes a picture, [height][width], at least one pixel, on a processor tier. The look is the same on each.
func Measure(tier kernel.Tier, picture []uint8, width, height int) Look {
	n := len(picture)
	low, high := tier.Ranks(picture, (2*n+99)/100, (98*n+99)/100)
	sum, all := tier.Moments(picture)
	squares := int64(all)
	look := Look{
		Range:      float64(high.Grey) - float64(low.Grey),
		Brightness: float64(sum) / float64(n),
		Contrast:   math.Sqrt(float64(int64(n)*squares-int64(sum*sum))) / float64(n),
	}

	pooled := halves.Get().(*[]int32)
	defer halves.Put(pooled)
	sums := slices.Grow((*pooled)[:0], (width/2)*(height/2))[:(width/2)*(height/2)]
	*pooled = sums
	squares -= squaresOutside(picture, width, height)
	above, width, height := halve(sums, picture, width, height, tier.HalveBytes)
	look.Detail[0] = detail(4*squares-above, width*height, 0)
	for k := 1; k < len(look.Detail); k++ {
		squares = above - squaresOutside(sums, width, height)
		above, width, height = halve(sums, sums, width, height, tier.HalveSums)
		look.Detail[k] = detail(4*squares-above, width*height, k)
	}
	return look
}

// halve adds up squares of two by two, by what does it for two rows, and gives the sum of the squares of these sums; what does not fill a square is left out. Four
// times the sum of the squared elements less that is four times the sum of their squared deviations from the means of the squares. to may be from.
func halve[T uint8 | int32](to []int32, from []T, width, height int, rows func(to []int32, upper, lower []T) uint64) (squares int64, w, h int) {
	w, h = width/2, height/2
	for y := range h {
		squares += int64(rows(to[y*w:][:w], from[2*y*width:][:2*w], from[(2*y+1)*width:][:2*w]))
	}
	return squares, w, h
}

// squaresOutside is the sum of the squared elements that halve leaves out.
func squaresOutside[T uint8 | int32](from []T, width, height int) (squares int64) {
	if width%2 == 1 {
		for y := range height {
			last := int64(from[y*width+width-1])
			squares += last * last
		}
	}
	if height%2 == 1 {
		for _, v := range from[(height-1)*width:][:width/2*2] {
			squares += int64(v) * int64(v)
		}
	}
	return squares
}

// detail is the measure of sums over squares of 2^k pixels to a side, so many squares of two by two of them.
func detail(deviation int64, squares, k int) float64 {
	if squares == 0 {
		return math.NaN()
	}
	rms := math.Sqrt(float64(deviation)/(16*float64(squares))) / float64(int(1)<<(2*k))
	return math.Log2(rms + 1.0/256)
}
