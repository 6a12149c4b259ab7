// SPDX-License-Identifier: GPL-2.0
/*
 * What came over a line, on standard input, is it what "seq 1000000 9999999" says, the
 * first BYTES of it? Usage: bench_stream BYTES BACK
 *
 * BACK: a proxy that is killed has sent up to so many bytes that the next one sends
 * again, so at any place the stream may go back so far, but never forward. All the
 * places where it can be by now are kept: the bytes do not say which is right.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BACK_MAX	64
#define PLACES_MAX	(4 * BACK_MAX)

/* By hand: an emulated host takes minutes with a printf() for each. */
static char text_at(long p)
{
	static const int unit[] = { 1000000, 100000, 10000, 1000, 100, 10, 1 };
	int column = p % 8;

	return column == 7 ? '\n' : '0' + (1000000 + p / 8) / unit[column] % 10;
}

/* A byte came at place @p, if it fits there. Return: how many places there are now. */
static int add(long *places, int nr, long p, int byte)
{
	if (p < 0 || text_at(p) != byte)
		return nr;
	for (int i = 0; i < nr; i++)
		if (places[i] == p + 1)
			return nr;
	if (nr < PLACES_MAX)
		places[nr++] = p + 1;
	return nr;
}

int main(int argc, char **argv)
{
	long places[PLACES_MAX] = { 0 }, next[PLACES_MAX], bytes, came = 0;
	int back, nr = 1, n, byte;

	if (argc != 3)
		return 2;
	bytes = atol(argv[1]);
	back = atoi(argv[2]);
	if (back > BACK_MAX)
		return 2;
	while ((byte = getchar()) != EOF) {
		n = 0;
		for (int i = 0; i < nr; i++)
			for (int k = 0; k <= back; k++)
				n = add(next, n, places[i] - k, byte);
		if (!n) {
			printf("byte %ld that came is %#x, which fits nowhere; it would be byte %ld of the text, %#x\n",
			       came, byte, places[0], text_at(places[0]));
			return 1;
		}
		came++;
		nr = n;
		memcpy(places, next, n * sizeof(*places));
	}
	for (int i = 0; i < nr; i++)
		if (places[i] == bytes) {
			printf("%ld bytes, %ld came twice\n", bytes, came - bytes);
			return 0;
		}
	printf("%ld bytes came, which is %ld of the text, wanted %ld\n", came, places[0], bytes);
	return 1;
}
