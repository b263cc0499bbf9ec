package lumajpeg

// mix makes a row of grey of the channels.
func (d *decoder) mix(dst []byte, channels *[4][]byte) {
	switch d.file.model {
	case rgb:
		for x := range dst {
			dst[x] = d.gray(channels[0][x], channels[1][x], channels[2][x])
		}
	case cmyk:
		for x := range dst {
			dst[x] = d.ink(channels[0][x], channels[1][x], channels[2][x], channels[3][x])
		}
	case ycck:
		for x := range dst {
			r, g, b := fromYCC(channels[0][x], channels[1][x], channels[2][x])
			dst[x] = d.ink(255-r, 255-g, 255-b, channels[3][x])
		}
	default:
		copy(dst, channels[0])
	}
}

// gray is the luma of RGB, ITU-R BT.601's weighted sum in the whole-number form that Pillow
// uses. Pixels that are visibly not grey are counted.
func (d *decoder) gray(r, g, b byte) byte {
	if int(max(r, g, b))-int(min(r, g, b)) > d.visible {
		d.picture.Coloured++
	}
	return byte((uint32(r)*19595 + uint32(g)*38470 + uint32(b)*7471 + 0x8000) >> 16)
}

// ink is the grey of CMYK. As Pillow does, it takes all such files for Adobe's, whose
// samples are turned around: 255 is no ink.
func (d *decoder) ink(c, m, y, k byte) byte {
	light := uint32(k)
	channel := func(v byte) byte {
		// ink * light / 255, rounded.
		t := uint32(255-v)*light + 128
		return byte(light - (t+t>>8)>>8)
	}
	return d.gray(channel(c), channel(m), channel(y))
}

// fromYCC is the RGB of YCbCr after JFIF, in whole numbers of 16 bits after the point as in
// libjpeg.
func fromYCC(luma, blue, red byte) (r, g, b byte) {
	const half = 1 << 15
	y, cb, cr := int32(luma), int32(blue)-128, int32(red)-128
	return clamp(y + (91881*cr+half)>>16), clamp(y + (-22554*cb-46802*cr+half)>>16), clamp(y + (116130*cb+half)>>16)
}
