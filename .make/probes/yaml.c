#include <stdio.h>
#include <yaml.h>
int main(void)
{
    return puts(yaml_get_version_string()) < 0;
}
