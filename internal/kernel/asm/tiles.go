package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// tileBytes is a tile: 16 rows of 64 bytes.
const tileBytes = 1024

// tiles writes convolutions with TDPBUSD, which adds to 16 positions by 16 channels the products of 64 inputs each. Two maps are
// taken at a time, so that weights are loaded once for both.
func tiles() {
	for n := 2; n <= 3; n++ {
		tilesOf(n, false)
		tilesOf(n, true)
	}
}

// tilesOf is a convolution of n tiles of channels. It is one call from LDTILECFG to TILERELEASE, as a goroutine may be on
// another thread after it.
func tilesOf(n int, fires bool) {
	const common = "dstPixel, dstRow int, src *uint8, second, pixelStride, tileStride, rowStride int, offsets *int, weights *int8, kernelRows, groups, rows, across, each, last, last2 int, scale, bias *float32, tail uint32, config *uint8, sums *int32"
	row, fire := fmt.Sprintf("tilesRow%d", n), fmt.Sprintf("tilesFire%d", n)
	if fires {
		TEXT(fire, NOSPLIT, "func(dst, dst2 *uint8, "+common+", start, most float32) (spikes uint64)")
		Doc(fire + " is " + row + " with the neurons behind it, as Graded has them: without a leak: the maps are those of two steps of the same neurons, which begin with the voltage start. Channels that are not there must not fire. It writes their counts and returns the sum.")
	} else {
		TEXT(row, NOSPLIT, "func(dst, dst2 *float32, "+common+")")
		Doc(fmt.Sprintf("%s computes rows of up to %d channels of two maps, the second of which lies so many bytes behind the first. A row is so many tiles across, each of so many positions, the last of", row, 16*n),
			"the first map of last and of the second of last2. A position's inputs are, for each of the kernel's rows, so many groups of 64 bytes from its offset on. Strides are in bytes; tail is the mask of the last 16 channels;",
			"config is what LDTILECFG takes; sums are 6 KB.")
	}
	Pragma("noescape")

	k := &tileKernel{n: n, sums: reg.R15, from: reg.RBX, count: reg.RCX, dst: [2]reg.GPPhysical{reg.R12, reg.RDX}, next: [2]Mem{AllocLocal(8), AllocLocal(8)}, left: AllocLocal(8)}
	k.scale, k.bias, k.free = zmms[:n], zmms[n:2*n], zmms[2*n:]
	inputs := [2]reg.GPPhysical{reg.RSI, reg.RDI}
	weights, pixel, line, groups, at, offsets, scratch := reg.R8, reg.R9, reg.R10, reg.R11, reg.R13, reg.R14, reg.RAX
	kernelRows, pending := AllocLocal(8), AllocLocal(8)

	if fires {
		k.begin()
	}
	Load(Param("scale"), scratch)
	Load(Param("bias"), reg.RCX)
	for j := range n {
		VMOVUPS(Mem{Base: scratch, Disp: 64 * j}, k.scale[j])
		VMOVUPS(Mem{Base: reg.RCX, Disp: 64 * j}, k.bias[j])
	}
	Load(Param("tail"), reg.EAX)
	if fires {
		SHLQ(U8(16*(n-1)), scratch)
		MOVQ(U64(1<<(16*(n-1))-1), reg.RCX)
		ORQ(reg.RCX, scratch)
		KMOVQ(scratch, reg.K1)
	} else {
		KMOVW(reg.EAX, reg.K1)
	}
	Load(Param("config"), scratch)
	loadConfig(scratch)
	Load(Param("pixelStride"), pixel)
	MOVQ(I32(64), line)
	Load(Param("sums"), k.sums)
	if fires {
		XORQ(k.count, k.count)
		MOVQ(k.count, pending)
	}

	Label("row")
	Load(Param("src"), at)
	Load(Param("across"), scratch)
	MOVQ(scratch, k.left)
	for m, name := range []string{"dst", "dst2"} {
		Load(Param(name), scratch)
		MOVQ(scratch, k.next[m])
	}

	Label("tile")
	for i := range 2 * n {
		zeroTile(i)
	}
	Load(Param("weights"), weights)
	Load(Param("offsets"), offsets)
	Load(Param("kernelRows"), scratch)
	MOVQ(scratch, kernelRows)
	Label("kernelRow")
	MOVQ(Mem{Base: offsets}, inputs[0])
	ADDQ(at, inputs[0])
	MOVQ(inputs[0], inputs[1])
	ADDQ(parameter("second"), inputs[1])
	Load(Param("groups"), groups)
	Label("group")
	if fires {
		Comment("Meanwhile, the neurons at two positions of the tile before.")
		CMPQ(k.count, Imm(2))
		JL(LabelRef("alone"))
		k.multiply(inputs, pixel, weights, line, func(i int) {
			k.fire(i % n)
			if i%n == n-1 {
				k.write()
			}
		})
		SUBQ(Imm(2), k.count)
		JMP(LabelRef("multiplied"))
		Label("alone")
	}
	k.multiply(inputs, pixel, weights, line, func(int) {})
	Label("multiplied")
	if fires {
		Comment("Neurons right behind the tiles' store would wait for it.")
		ADDQ(pending, k.count)
		MOVQ(I32(0), pending)
	}
	ADDQ(U32(n*tileBytes), weights)
	ADDQ(Imm(64), inputs[0])
	ADDQ(Imm(64), inputs[1])
	DECQ(groups)
	JNZ(LabelRef("group"))
	ADDQ(Imm(8), offsets)
	DECQ(kernelRows)
	JNZ(LabelRef("kernelRow"))

	if fires {
		k.whileLeft("neurons", k.position)
	}
	for i := range 2 * n {
		storeTile(i, k.sums, line, i*tileBytes)
	}
	if fires {
		MOVQ(k.sums, k.from)
		k.open("neurons", "last")
		for m, dst := range k.dst {
			MOVQ(k.next[m], dst)
		}
		Load(Param("each"), scratch)
		IMULQ(parameter("dstPixel"), scratch)
		ADDQ(scratch, k.next[0])
		ADDQ(scratch, k.next[1])
		MOVQ(k.count, pending)
		XORQ(k.count, k.count)
	} else {
		for m, dst := range k.dst {
			name := []string{"currents", "currents2"}[m]
			MOVQ(k.next[m], dst)
			MOVQ(k.sums, k.from)
			k.open(name, []string{"last", "last2"}[m])
			k.whileLeft(name, func() { k.store(m) })
			MOVQ(dst, k.next[m])
		}
	}
	ADDQ(parameter("tileStride"), at)
	DECQ(k.left)
	JNZ(LabelRef("tile"))

	Load(Param("rowStride"), scratch)
	ADDQ(scratch, parameter("src"))
	Load(Param("dstRow"), scratch)
	ADDQ(scratch, parameter("dst"))
	ADDQ(scratch, parameter("dst2"))
	DECQ(parameter("rows"))
	JNZ(LabelRef("row"))
	releaseTiles()
	if fires {
		MOVQ(pending, k.count)
		k.whileLeft("lastNeurons", k.position)
		k.end()
	}
	VZEROUPPER()
	RET()
}

// tileKernel is what becomes of the sums of n tiles of channels and two maps.
type tileKernel struct {
	n           int
	scale, bias vectors
	free        vectors
	sums, from  reg.GPPhysical // where sums are stored, and a position's
	count       reg.GPPhysical // of positions that are left of from's tiles
	dst         [2]reg.GPPhysical
	next        [2]Mem // the place of the outputs of a row's next tile
	left        Mem    // of a row's tiles

	none, start, most, spikes reg.VecPhysical
	order, ones               [2]reg.VecPhysical // of the counts of each step, and which ones are added up
	counts                    [2]vectors         // of a position at each step
}

// sum is the tile of a map's sums.
func (k *tileKernel) sum(m, j int) int { return m*k.n + j }

// multiply adds the products of 64 inputs. It calls meanwhile after each of 2n products.
func (k *tileKernel) multiply(inputs [2]reg.GPPhysical, pixel, weights, line reg.GPPhysical, meanwhile func(i int)) {
	if k.n < 3 {
		a, b := [2]int{2 * k.n, 2*k.n + 1}, 2*k.n+2
		loadTile(a[0], inputs[0], pixel, 0)
		loadTile(a[1], inputs[1], pixel, 0)
		for j := range k.n {
			loadTile(b+j, weights, line, j*tileBytes)
			for m := range a {
				productTile(b+j, a[m], k.sum(m, j))
				meanwhile(2*j + m)
			}
		}
		return
	}
	// All of the eight tiles are in use, so weights are loaded for each map.
	a, b := 6, 7
	for m := range inputs {
		loadTile(a, inputs[m], pixel, 0)
		for j := range k.n {
			loadTile(b, weights, line, j*tileBytes)
			productTile(b, a, k.sum(m, j))
			meanwhile(m*k.n + j)
		}
	}
}

// open sets count to the positions of a tile, of which the last of a row has fewer.
func (k *tileKernel) open(name, last string) {
	Load(Param("each"), k.count)
	CMPQ(k.left, Imm(1))
	JNE(LabelRef(name + "All"))
	Load(Param(last), k.count)
	Label(name + "All")
}

// whileLeft writes a loop over the positions that are left.
func (k *tileKernel) whileLeft(name string, body func()) {
	TESTQ(k.count, k.count)
	JZ(LabelRef(name + "None"))
	Label(name)
	body()
	DECQ(k.count)
	JNZ(LabelRef(name))
	Label(name + "None")
}

// current makes a sum a current: float32(sum)*scale + bias.
func (k *tileKernel) current(m, j int, v reg.Register) {
	VCVTDQ2PS(Mem{Base: k.from, Disp: k.sum(m, j) * tileBytes}, v)
	VMULPS(k.scale[j], v, v)
	VADDPS(k.bias[j], v, v)
}

// store writes the currents of a position of a map.
func (k *tileKernel) store(m int) {
	for j := range k.n {
		v := k.free[j]
		k.current(m, j, v)
		if to := (Mem{Base: k.dst[m], Disp: 64 * j}); j < k.n-1 {
			VMOVUPS(v, to)
		} else {
			VMOVUPS(v, reg.K1, to)
		}
	}
	ADDQ(parameter("dstPixel"), k.dst[m])
	ADDQ(Imm(64), k.from)
}

// begin readies graded neurons.
func (k *tileKernel) begin() {
	v := k.free.take(8)
	k.none, k.start, k.most, k.spikes = v[0], v[1], v[2], v[3]
	k.order, k.ones = [2]reg.VecPhysical(v[4:6]), [2]reg.VecPhysical(v[6:8])
	k.counts = [2]vectors{k.free.take(k.n), k.free.take(k.n)}
	VPXORD(k.none, k.none, k.none)
	VPXORD(k.spikes, k.spikes, k.spikes)
	VBROADCASTSS(parameter("start"), k.start)
	VBROADCASTSS(parameter("most"), k.most)
	MOVL(U32(0x01010101), reg.EAX)
	VPBROADCASTD(reg.EAX, k.ones[0])
	if k.n == 3 {
		Comment("Of the second step's, the last are among the first step's.")
		VPXORD(k.ones[1], k.ones[1], k.ones[1])
		VPBROADCASTD(reg.EAX, k.ones[1].AsY())
	}
	for m, order := range k.order {
		VMOVDQU32(tileOrder(k.n, m), order)
	}
}

// tileOrder is for the 16 groups of four counts as write packs them, in which the tiles of channels lie in turn: which ones are a step's,
// in order.
func tileOrder(n, m int) Mem {
	order := GLOBL(fmt.Sprintf("tileOrder%d%d", n, m), RODATA|NOPTR)
	for i := range 16 {
		quarter := i / 4
		switch {
		case n == 3 && m == 1 && quarter == 2:
			quarter = 3
		case n == 2:
			quarter = (quarter + 2*m) % 4
		}
		DATA(4*i, U32(i%4*4+quarter))
	}
	return order
}

// position has the currents of a position at two steps drive its neurons.
func (k *tileKernel) position() {
	for j := range k.n {
		k.fire(j)
	}
	k.write()
}

// fire makes the counts of a tile's neurons; those of the second step may be below zero.
func (k *tileKernel) fire(j int) {
	v, next, whole := k.free[3*j], k.free[3*j+1], k.free[3*j+2]
	if k.n == 3 { // registers are few
		v, next, whole = k.free[j%2*3], k.free[j%2*3+1], k.free[j%2*3+2]
	}
	k.current(0, j, v)
	k.current(1, j, next)
	VADDPS(v, k.start, v)
	Comment("A maximum gives its second source, which Go writes first, for a NaN, and so does a minimum, as the largest negative number.")
	VMAXPS(k.none, v, whole)
	VMINPS(k.most, whole, whole)
	VCVTTPS2DQ(whole, k.counts[0][j])
	VCVTDQ2PS(k.counts[0][j], whole)
	VSUBPS(whole, v, v)
	VADDPS(next, v, next)
	VMINPS(next, k.most, next)
	VCVTTPS2DQ(next, k.counts[1][j])
}

// write packs a position's counts, those below zero to none, adds them up and writes them.
func (k *tileKernel) write() {
	a, b := k.counts[0], k.counts[1]
	VPACKUSDW(a[1], a[0], a[0])
	VPACKUSDW(b[1], b[0], b[0])
	if k.n == 3 {
		VPACKUSDW(b[2], a[2], a[2])
		VPACKUSWB(a[2], a[0], a[0])
		VPACKUSWB(a[2], b[0], b[0])
		VPERMD(a[0], k.order[0], a[0])
		VPERMD(b[0], k.order[1], b[0])
		VMOVDQU8(a[0], reg.K1, Mem{Base: k.dst[0]})
		VMOVDQU8(b[0], reg.K1, Mem{Base: k.dst[1]})
		vpdpbusd(k.ones[0], a[0], k.spikes)
		vpdpbusd(k.ones[1], b[0], k.spikes)
	} else {
		VPACKUSWB(b[0], a[0], a[0])
		VPERMD(a[0], k.order[0], a[0])
		vpdpbusd(k.ones[0], a[0], k.spikes)
		VEXTRACTI64X4(Imm(1), a[0], b[0].AsY())
		VMOVDQU8(a[0].AsY(), reg.K1, Mem{Base: k.dst[0]})
		VMOVDQU8(b[0].AsY(), reg.K1, Mem{Base: k.dst[1]})
	}
	ADDQ(parameter("dstPixel"), k.dst[0])
	ADDQ(parameter("dstPixel"), k.dst[1])
	ADDQ(Imm(64), k.from)
}

// end adds up the spikes.
func (k *tileKernel) end() {
	total, v, half := GP64(), k.spikes, k.none
	VEXTRACTI64X4(Imm(1), v, half.AsY())
	VPADDD(half.AsY(), v.AsY(), v.AsY())
	VEXTRACTI32X4(Imm(1), v.AsY(), half.AsX())
	VPADDD(half.AsX(), v.AsX(), v.AsX())
	VPSHUFD(Imm(0b1110), v.AsX(), half.AsX())
	VPADDD(half.AsX(), v.AsX(), v.AsX())
	VPSHUFD(Imm(1), v.AsX(), half.AsX())
	VPADDD(half.AsX(), v.AsX(), v.AsX())
	VMOVD(v.AsX(), total.As32())
	Store(total, Return("spikes"))
}
