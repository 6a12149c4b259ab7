// SPDX-License-Identifier: GPL-2.0
/*
 * Reads a picture of a text screen (PPM, P6, on standard input), as QEMU's screendump and
 * vnc_send make them, with letters in cells of 8 or 9 by 16 pixels. "screen_read WIDTH HEIGHT":
 * the memory of a card with such a picture, of 32 bits a pixel.
 *
 * It knows no font. The screen has to have the line of calibration on it, anywhere:
 *
 *	0123456789abcdef 0123456789abcdef
 *
 * sixteen cells, all of them different, that come again behind one more. They are the digits.
 * What is on the screen comes out a line a row: digits as such, other letters as ".". The first
 * line is "WIDTH x HEIGHT, N letters", and ", digits known" if they are.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIT	48	/* of 255, for a pixel */
#define ROWS	16	/* of a cell */
#define DIGITS	16

struct cell {
	uint8_t row[ROWS];
};

static unsigned int width, height, cell_width, columns, lines;
static uint8_t *pixels;
static struct cell digits[DIGITS];
static bool known;

static void die(const char *why)
{
	fprintf(stderr, "screen_read: %s\n", why);
	exit(1);
}

static void read_picture(void)
{
	unsigned int most;

	if (scanf("P6 %u %u %u", &width, &height, &most) != 3 || most != 255 || width > 4096 ||
	    height > 4096)
		die("no picture (PPM, P6, of 8 bits a colour)");
	getchar();
	pixels = malloc((size_t)width * height * 3);
	if (!pixels || fread(pixels, 3, (size_t)width * height, stdin) != (size_t)width * height)
		die("half a picture");
}

/* What a card has: blue, green, red, and a byte that nobody looks at. */
static void read_memory(const char *w, const char *h)
{
	size_t n;

	width = strtoul(w, NULL, 10);
	height = strtoul(h, NULL, 10);
	if (!width || !height || width > 4096 || height > 4096)
		die("no width, or no height");
	n = (size_t)width * height;
	pixels = malloc(n * 4);
	if (!pixels || fread(pixels, 4, n, stdin) != n)
		die("half a picture");
	for (size_t i = 0; i < n; i++)
		memmove(pixels + 3 * i, pixels + 4 * i, 3);
}

static bool lit(unsigned int x, unsigned int y)
{
	const uint8_t *p = pixels + ((size_t)y * width + x) * 3;

	return p[0] > LIT || p[1] > LIT || p[2] > LIT;
}

static struct cell cell(unsigned int column, unsigned int line)
{
	struct cell c = { { 0 } };

	for (unsigned int y = 0; y < ROWS; y++)
		for (unsigned int x = 0; x < 8; x++)
			if (lit(column * cell_width + x, line * ROWS + y))
				c.row[y] |= 0x80 >> x;
	return c;
}

static bool same(struct cell a, struct cell b)
{
	return !memcmp(&a, &b, sizeof(a));
}

static bool blank(struct cell c)
{
	return same(c, (struct cell){ { 0 } });
}

static bool calibrate_at(unsigned int column, unsigned int line)
{
	for (unsigned int i = 0; i < DIGITS; i++) {
		digits[i] = cell(column + i, line);
		if (blank(digits[i]) ||
		    !same(digits[i], cell(column + DIGITS + 1 + i, line)))
			return false;
		for (unsigned int j = 0; j < i; j++)
			if (same(digits[i], digits[j]))
				return false;
	}
	return true;
}

static char letter(struct cell c)
{
	if (blank(c))
		return ' ';
	for (unsigned int i = 0; known && i < DIGITS; i++)
		if (same(c, digits[i]))
			return "0123456789abcdef"[i];
	return '.';
}

int main(int argc, char **argv)
{
	unsigned int letters = 0;

	if (argc == 3)
		read_memory(argv[1], argv[2]);
	else
		read_picture();
	cell_width = width == 720 ? 9 : 8;
	columns = width / cell_width;
	lines = height / ROWS;
	for (unsigned int l = 0; l < lines && !known; l++)
		for (unsigned int c = 0; c + 2 * DIGITS + 1 <= columns && !known; c++)
			known = calibrate_at(c, l);
	for (unsigned int l = 0; l < lines; l++)
		for (unsigned int c = 0; c < columns; c++)
			letters += !blank(cell(c, l));
	printf("%u x %u, %u letters%s\n", width, height, letters, known ? ", digits known" : "");
	for (unsigned int l = 0; l < lines; l++) {
		char text[4096 / 8 + 1];
		unsigned int end = 0;

		for (unsigned int c = 0; c < columns; c++) {
			text[c] = letter(cell(c, l));
			if (text[c] != ' ')
				end = c + 1;
		}
		printf("%.*s\n", (int)end, text);
	}
	free(pixels);
	return 0;
}
