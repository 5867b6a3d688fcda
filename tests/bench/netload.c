/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UDP packets of 1500 bytes in bursts, each of which the other side answers
 * with one short packet when it is there in full: so none is lost, and the
 * cost of the answer is divided by the burst. Each pass prints
 *
 *	netload BURST COUNT NANOSECONDS
 *
 * and with counted instructions a nanosecond is an instruction.
 *
 * usage: netload answer BURST
 *        netload ADDRESS BURST COUNT PASSES
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define PORT 7007
#define PAYLOAD (1500u - 20u - 8u) /* headers of IP and UDP */
#define LOST_AFTER_S 5

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_RAW, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int answer(uint64_t burst)
{
	struct sockaddr_in here = { .sin_family = AF_INET,
				    .sin_port = htons(PORT) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	uint8_t packet[PAYLOAD];

	if (fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof(here)) != 0) {
		perror("netload: socket");
		return 1;
	}
	for (uint64_t n = 1;; n++) {
		struct sockaddr_in from;
		socklen_t len = sizeof(from);
		ssize_t got = recvfrom(fd, packet, sizeof(packet), 0,
				       (struct sockaddr *)&from, &len);

		if (got != (ssize_t)sizeof(packet)) {
			perror("netload: receive");
			return 1;
		}
		if (n % burst == 0 &&
		    sendto(fd, packet, 1, 0, (struct sockaddr *)&from,
			   sizeof(from)) != 1) {
			perror("netload: send");
			return 1;
		}
	}
}

static int connect_to(const char *address)
{
	struct timeval patience = { .tv_sec = LOST_AFTER_S };
	struct sockaddr_in there = { .sin_family = AF_INET,
				     .sin_port = htons(PORT) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (inet_pton(AF_INET, address, &there.sin_addr) != 1) {
		fprintf(stderr, "netload: %s is no address\n", address);
		return -1;
	}
	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
		       sizeof(patience)) != 0 ||
	    connect(fd, (struct sockaddr *)&there, sizeof(there)) != 0) {
		perror("netload: socket");
		return -1;
	}
	return fd;
}

static int send_pass(int fd, uint64_t burst, uint64_t count)
{
	static const uint8_t packet[PAYLOAD];
	uint8_t byte;

	for (uint64_t n = 1; n <= count; n++) {
		if (send(fd, packet, sizeof(packet), 0) !=
		    (ssize_t)sizeof(packet)) {
			perror("netload: send");
			return -1;
		}
		if (n % burst == 0 && recv(fd, &byte, 1, 0) != 1) {
			perror("netload: a packet was lost");
			return -1;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t burst = argc > 2 ? strtoull(argv[2], NULL, 0) : 0;
	uint64_t count = argc > 3 ? strtoull(argv[3], NULL, 0) : burst;
	uint64_t passes = argc > 4 ? strtoull(argv[4], NULL, 0) : 0;
	int fd;

	if (burst == 0 || count % burst != 0 || argc == 4 || argc > 5) {
		fprintf(stderr, "usage: netload answer BURST\n"
				"       netload ADDRESS BURST COUNT PASSES\n");
		return 2;
	}
	if (strcmp(argv[1], "answer") == 0) {
		return answer(burst);
	}
	fd = connect_to(argv[1]);
	if (fd < 0) {
		return 1;
	}
	for (uint64_t p = 0; p < passes; p++) {
		uint64_t start = now_ns();

		if (send_pass(fd, burst, count) != 0) {
			return 1;
		}
		printf("netload %llu %llu %llu\n", (unsigned long long)burst,
		       (unsigned long long)count,
		       (unsigned long long)(now_ns() - start));
	}
	return 0;
}
