//go:build !purego

package kernel

// int8Layout is how a tier that takes its inputs in groups walks over them: rows, each of so many groups, for every
// pixel. Usually these are the kernel's rows where they lie in the input. The few inputs of a short kernel
// row (a first layer's, say 5x5 over one channel) would leave most of their last group unused, so they are gathered:
// each pixel's inputs one after the other.
type int8Layout struct {
	rows, groups int
	group        int // elements, bytes or words, as are all of these
	run          int // of a row that count; the rest of its last group meets weights of zero
	slack        int // that are read beyond a kernel row
	pixelStride  int
	gathered     bool
	gatherer     *gatherer // of bytes, or nil
}

// int8View is the input of one row of outputs, as open leaves it.
type int8View struct {
	src       []uint8
	rowStride int
}

// gatherStep is how many elements are copied at a time to gather a kernel row.
const gatherStep = 8

func newInt8Layout(w *Window, group int) int8Layout {
	run := w.KW * w.In.C
	if run <= gatherStep && w.KH > 1 {
		all := w.KH * run
		groups := (all + group - 1) / group
		return int8Layout{
			rows: 1, groups: groups, group: group, run: all, slack: gatherStep - run, gathered: true,
			pixelStride: max(all-run+gatherStep, groups*group),
		}
	}
	groups := (run + group - 1) / group
	return int8Layout{
		rows: w.KH, groups: groups, group: group, run: run, slack: groups*group - run, pixelStride: w.SW * w.In.C,
	}
}

// extent is how many elements are read for n pixels.
func (l *int8Layout) extent(rowStride, n int) int {
	return (l.rows-1)*rowStride + (n-1)*l.pixelStride + l.groups*l.group
}

// packInt8As lays channels of weights [KH][KW][In.C][Out.C] out as [row][group][width][elements of a group].
func packInt8As[T int8 | int16](l *int8Layout, weights []int8, first, channels, width int) []T {
	packed := aligned[T](l.rows * l.groups * width * l.group)
	out := len(weights) / (l.rows * l.run)
	for r := range l.rows {
		for k := range l.run {
			from := weights[(r*l.run+k)*out+first:][:channels]
			to := packed[(r*l.groups+k/l.group)*width*l.group+k%l.group:]
			for j, v := range from {
				to[j*l.group] = T(v)
			}
		}
	}
	return packed
}

// open finds the input of row y of the outputs: in src, if nothing that is read lies outside it, or copied with the
// zeros around it.
func (l *int8Layout) open(w *Window, src []uint8, y int, ws *Workspace) int8View {
	top, line := y*w.SH-w.PadTop, w.In.W*w.In.C
	span := ((w.Out.W-1)*w.SW + w.KW) * w.In.C // bytes of a row under all windows
	gather := 0
	if l.gathered {
		gather = (w.Out.W+drivenPixels-1)*l.pixelStride + gatherStep
	}

	v := int8View{rowStride: line}
	if w.PadLeft == 0 && span <= line && top >= 0 && top+w.KH <= w.In.H && (top+w.KH-1)*line+span+l.slack <= len(src) {
		v.src = src[top*line:]
		if !l.gathered {
			return v
		}
		scratch(&ws.bytes, gather)
	} else {
		v.rowStride = span
		copied := scratch(&ws.bytes, gather+w.KH*span+l.slack)[gather:]
		for i := range w.KH {
			paddedLine(w, copied[i*span:][:span], src, top+i)
		}
		v.src = copied
	}
	if l.gathered {
		v = int8View{src: l.gather(ws.bytes[:gather], v, w)}
	}
	return v
}

// gather copies each pixel's kernel rows one after the other; what a copy brings too much is overwritten by the next
// row's or meets weights of zero.
func (l *int8Layout) gather(dst []uint8, v int8View, w *Window) []uint8 {
	done := 0
	if l.gatherer != nil {
		done = l.gatherer.gather(dst, v, w)
	}
	n := w.Out.W - done
	if n == 0 {
		return dst
	}
	run, step := w.KW*w.In.C, w.SW*w.In.C
	for i := range w.KH {
		from, to := v.src[i*v.rowStride+done*step:], dst[i*run+done*l.pixelStride:]
		_, _ = from[(n-1)*step+gatherStep-1], to[(n-1)*l.pixelStride+gatherStep-1]
		gather8(&to[0], &from[0], l.pixelStride, step, n)
	}
	return dst
}
