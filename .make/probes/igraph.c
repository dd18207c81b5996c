#include <igraph/igraph.h>
#include <stdio.h>

int main(void)
{
    igraph_t graph;
    igraph_vector_int_t edges; /* 0.10 and later */
    igraph_real_t length;
    igraph_vector_int_init_range(&edges, 0, 2);
    igraph_create(&graph, &edges, 2, IGRAPH_UNDIRECTED);
    igraph_average_path_length(&graph, &length, NULL, IGRAPH_UNDIRECTED, true);
    return length != 1 || printf("%s\n", IGRAPH_VERSION) < 0;
}
