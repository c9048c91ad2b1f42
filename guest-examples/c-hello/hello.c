/* A C program for WASI: greets each argument, copies standard input in upper case, and exits with
 * the number of arguments, so that a test can see all four. */
#include <ctype.h>
#include <stdio.h>

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        printf("hello, %s\n", argv[i]);
    }
    for (int c = getchar(); c != EOF; c = getchar()) {
        putchar(toupper(c));
    }
    fprintf(stderr, "%d greeted\n", argc - 1);
    return argc - 1;
}
