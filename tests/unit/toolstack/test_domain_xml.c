/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libvirt's XML and definitions: what is taken and what it becomes, what is
 * refused and in which words, and that nothing is lost on the way there and back.
 */
#include "domain_xml.h"

#include <json-c/json.h>
#include <libxml/parser.h>
#include <stdio.h>
#include <stdlib.h>

#include "capabilities.h"
#include "cmocka_all.h"
#include "strict_json.h"
#include "zone_def.h"

#define NAME "<name>z</name>"
#define MEMORY "<memory unit='MiB'>64</memory>"
#define OS "<os><kernel>/k</kernel></os>"
#define DOMAIN(more) "<domain type='hvd'>" NAME MEMORY OS more "</domain>"
#define DEVICES(more) DOMAIN("<devices>" more "</devices>")

static struct json_object *parse(const char *xml)
{
	struct json_object *definition = NULL;
	struct vir_error_text error = { 0 };

	if (domain_xml_parse(xml, strlen(xml), &definition, &error) < 0) {
		fail_msg("%s: %s", xml, error.message);
	}
	return definition;
}

static struct json_object *json(const char *text)
{
	struct zerror error = { 0 };
	struct json_object *object =
		strict_json_parse(text, strlen(text), &error);

	if (!object) {
		fail_msg("%s: %s", text, error.message);
	}
	return object;
}

static struct zone_def *definition_of(struct json_object *object)
{
	struct zone_def *def = NULL;
	struct zerror error = { 0 };

	if (zone_def_parse(object, "$", &def, &error) < 0) {
		fail_msg("%s: %s", json_object_to_json_string(object),
			 error.message);
	}
	return def;
}

static void assert_json(struct json_object *object, const char *expected)
{
	struct json_object *other = json(expected);

	if (!json_object_equal(object, other)) {
		fail_msg("%s is not %s", json_object_to_json_string(object),
			 expected);
	}
	json_object_put(other);
}

/* ------------------------------------------------------------ what is taken */

static void test_domain(void **state)
{
	static const struct {
		const char *more;
		const char *members; /* that it adds */
	} cases[] = {
		{ "", "" },
		{ "<uuid>0123456789abcdef0123456789ABCDEF</uuid>",
		  ",\"uuid\":\"01234567-89ab-cdef-0123-456789abcdef\"" },
		{ "<title>A &amp; B</title><description>x\ny</description>",
		  ",\"title\":\"A & B\",\"description\":\"x\\ny\"" },
		{ "<currentMemory unit='KiB'>65535</currentMemory>", "" },
		{ "<on_crash>restart</on_crash><on_poweroff>\n"
		  "preserve </on_poweroff>",
		  ",\"on_crash\":\"restart\",\"on_poweroff\":\"preserve\"" },
		{ "<cpu mode='host-passthrough' check='none'/>"
		  "<clock offset='utc'/>",
		  "" },
		{ "<features><gic version='3'/></features>", "" },
		{ "<devices><memballoon model='none'/></devices>", "" },
		{ "<!-- a comment --><?a processor?>", "" },
		{ "<x:zone xmlns:x='urn:zonevisor:domain:1.0'>"
		  "<x:priority>3</x:priority><x:slice>5ms</x:slice>"
		  "<x:autostart order='-7' delay='5s'/></x:zone>",
		  ",\"priority\":3,\"slice\":\"5ms\","
		  "\"autostart\":{\"order\":-7,\"delay\":\"5s\"}" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char xml[2048];
		char expected[1024];
		struct json_object *object;

		snprintf(xml, sizeof(xml),
			 "<domain type='kvm' id='3'>" NAME MEMORY OS
			 "%s</domain>",
			 cases[i].more);
		snprintf(expected, sizeof(expected),
			 "{\"name\":\"z\",\"memory\":\"64M\",\"kernel\":\"/k\","
			 "\"vcpus\":1,\"devices\":[]%s}",
			 cases[i].members);
		object = parse(xml);
		assert_json(object, expected);
		json_object_put(object);
	}
}

static void test_memory(void **state)
{
	static const struct {
		const char *unit;
		const char *number;
		const char *memory;
	} cases[] = {
		{ "KiB", "65536", "64M" }, { "k", "65537", "66M" },
		{ "b", "4194305", "6M" },  { "KB", "65536", "64M" },
		{ "MB", "100", "96M" },	   { "GiB", "1", "1G" },
		{ "g", " 2\n", "2G" },	   { "bytes", "4194304", "4M" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char xml[512];
		struct json_object *object;
		struct json_object *memory;

		snprintf(xml, sizeof(xml),
			 "<domain type='hvd'>" NAME OS
			 "<memory unit='%s'>%s</memory></domain>",
			 cases[i].unit, cases[i].number);
		object = parse(xml);
		assert_true(
			json_object_object_get_ex(object, "memory", &memory));
		assert_string_equal(json_object_get_string(memory),
				    cases[i].memory);
		json_object_put(object);
	}
}

static void test_vcpus(void **state)
{
	static const struct {
		const char *xml;
		const char *vcpus;
		const char *cpus;
	} cases[] = {
		{ "<vcpu placement='static'>2</vcpu>", "2", NULL },
		{ "<vcpu current='1'>4</vcpu>", "{\"max\":4,\"on\":1}", NULL },
		{ "<vcpu current='1'>2</vcpu><vcpus><vcpu id='0' enabled='yes' "
		  "hotpluggable='no' order='1'/><vcpu id='1' enabled='no'/>"
		  "</vcpus>",
		  "{\"max\":2,\"on\":1}", NULL },
		{ "<vcpu>3</vcpu><cputune><vcpupin vcpu='1' cpuset='5'/>"
		  "</cputune>",
		  "3", "[null,5,null]" },
		{ "<cputune><vcpupin vcpu='0' cpuset='1'/></cputune>", "1",
		  "[1]" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char xml[512];
		struct json_object *object;
		struct json_object *vcpus = NULL;
		struct json_object *cpus = NULL;

		snprintf(xml, sizeof(xml), DOMAIN("%s"), cases[i].xml);
		object = parse(xml);
		json_object_object_get_ex(object, "vcpus", &vcpus);
		json_object_object_get_ex(object, "cpus", &cpus);
		assert_string_equal(json_object_to_json_string_ext(
					    vcpus, JSON_C_TO_STRING_PLAIN),
				    cases[i].vcpus);
		assert_int_equal(cpus != NULL, cases[i].cpus != NULL);
		if (cpus) {
			assert_string_equal(
				json_object_to_json_string_ext(
					cpus, JSON_C_TO_STRING_PLAIN),
				cases[i].cpus);
		}
		json_object_put(object);
	}
}

static void test_devices(void **state)
{
	static const struct {
		const char *xml;
		const char *device;
	} cases[] = {
		{ "<disk type='file' device='disk'><driver name='qemu' "
		  "type='raw' cache='none' discard='ignore' queues='2' "
		  "error_policy='stop' rerror_policy='stop'/><source "
		  "file='/i'/><target dev='vda' bus='virtio'/><readonly/>"
		  "<serial>S</serial><boot order='1'/><address type='pci' "
		  "domain='0'/></disk>",
		  "{\"type\":\"disk\",\"name\":\"vda\",\"path\":\"/i\","
		  "\"cache\":\"writeback\",\"direct\":true,\"discard\":false,"
		  "\"queues\":2,\"on-error\":\"pause\",\"readonly\":true,"
		  "\"serial\":\"S\",\"xml\":\"<kept>\\n  <address type='pci' "
		  "domain='0'/>\\n  <boot order='1'/>\\n  <driver name='qemu'/>"
		  "\\n</kept>\\n\"}" },
		{ "<disk type='block'><source dev='/dev/sda'/><target "
		  "dev='vdb'/><blockio logical_block_size='4096'/><iotune>"
		  "<total_bytes_sec>1000000</total_bytes_sec><read_iops_sec>0"
		  "</read_iops_sec><write_iops_sec>50</write_iops_sec></iotune>"
		  "</disk>",
		  "{\"type\":\"disk\",\"name\":\"vdb\",\"path\":\"/dev/sda\","
		  "\"block-size\":4096,\"limits\":{\"total-bytes-sec\":\"977K\""
		  ",\"write-iops-sec\":50}}" },
		{ "<disk type='file' device='disk'><source file='/i'/><target "
		  "dev='sda' bus='sd'/></disk>",
		  "{\"type\":\"disk\",\"name\":\"sda\",\"path\":\"/i\"}" },
		{ "<disk type='network'><driver cache='directsync'/><source "
		  "protocol='nbd' name='e'><host transport='unix' "
		  "socket='/s'/></source><target dev='vda'/></disk>",
		  "{\"type\":\"disk\",\"name\":\"vda\",\"nbd\":{\"socket\":"
		  "\"/s\",\"export\":\"e\"},\"cache\":\"writethrough\"}" },
		{ "<disk type='network'><source protocol='nbd'><host "
		  "name='192.0.2.1' port='5'/></source><target dev='vda'/>"
		  "</disk>",
		  "{\"type\":\"disk\",\"name\":\"vda\",\"nbd\":{\"host\":"
		  "\"192.0.2.1\",\"port\":5}}" },
		{ "<interface type='bridge'><source bridge='b'/><mac "
		  "address='52:54:00:00:00:01'/><model type='virtio'/><driver "
		  "name='qemu' queues='2'/><mtu size='9000'/><link "
		  "state='down'/><target dev='zv3.0'/><bandwidth><inbound "
		  "average='2048'/><outbound average='3'/></bandwidth><alias "
		  "name='ua-lan'/></interface>",
		  "{\"type\":\"net\",\"name\":\"lan\",\"bridge\":\"b\","
		  "\"mac\":\"52:54:00:00:00:01\",\"vhost\":false,\"queues\":2,"
		  "\"mtu\":9000,\"link\":false,\"limits\":{\"rx-bytes-sec\":"
		  "\"2M\",\"tx-bytes-sec\":\"3K\"}}" },
		{ "<interface type='network'><source network='default'/>"
		  "<alias name='net0'/></interface>",
		  "{\"type\":\"net\"}" },
		{ "<interface type='network'><source network='br1'/>"
		  "</interface>",
		  "{\"type\":\"net\",\"bridge\":\"br1\"}" },
		{ "<interface type='user'><backend type='passt'/><portForward "
		  "proto='udp' address='127.0.0.1'><range start='53' end='54' "
		  "to='1053'/></portForward></interface>",
		  "{\"type\":\"net\",\"user\":true,\"forward\":[{\"proto\":"
		  "\"udp\",\"address\":\"127.0.0.1\",\"port\":53,\"to\":1053},"
		  "{\"proto\":\"udp\",\"address\":\"127.0.0.1\",\"port\":54,"
		  "\"to\":1054}]}" },
		{ "<console type='pty'><target type='virtio' port='1'/>"
		  "</console>",
		  "{\"type\":\"console\"}" },
		{ "<console type='pty'/>", "{\"type\":\"uart\"}" },
		{ "<serial type='pty'><target type='system-serial' port='0'>"
		  "<model name='pl011'/></target></serial>",
		  "{\"type\":\"uart\"}" },
		{ "<rng model='virtio'><rate bytes='1024' period='500'/>"
		  "<backend model='random'>/dev/hwrng</backend></rng>",
		  "{\"type\":\"rng\",\"source\":\"/dev/hwrng\",\"limits\":{"
		  "\"total-bytes-sec\":\"2K\"}}" },
		{ "<video><model type='vga' heads='1' vram='16384' "
		  "primary='yes'><resolution x='800' y='600'/><acceleration "
		  "accel3d='no'/></model><alias name='ua-gpu0'/></video>",
		  "{\"type\":\"gpu\",\"name\":\"gpu0\",\"heads\":1,"
		  "\"memory\":\"16M\",\"width\":800,\"height\":600,\"xml\":"
		  "\"<kept>\\n  <model primary='yes'>\\n    <acceleration "
		  "accel3d='no'/>\\n  </model>\\n</kept>\\n\"}" },
		{ "<input type='tablet' bus='usb'/>",
		  "{\"type\":\"input\",\"kind\":\"tablet\"}" },
		{ "<input type='keyboard'><alias name='ua-k'/></input>",
		  "{\"type\":\"input\",\"kind\":\"keyboard\",\"name\":"
		  "\"k\"}" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct json_object *device = NULL;
		struct vir_error_text error = { 0 };

		if (domain_xml_parse_device(cases[i].xml, strlen(cases[i].xml),
					    &device, &error) < 0) {
			fail_msg("%s: %s", cases[i].xml, error.message);
		}
		assert_json(device, cases[i].device);
		json_object_put(device);
	}
}

/* One device of two elements, where the first of them is. */
static void test_screen(void **state)
{
	static const struct {
		const char *xml;
		const char *devices;
	} cases[] = {
		{ "<graphics type='vnc'/>",
		  "{\"type\":\"gpu\",\"vnc\":{\"port\":\"auto\"}}" },
		{ "<video><model type='virtio'/></video>",
		  "{\"type\":\"gpu\"}" },
		{ "<graphics type='vnc' port='-1'/><rng model='virtio'/>"
		  "<video><model heads='2'/></video>",
		  "{\"type\":\"gpu\",\"vnc\":{\"port\":\"auto\"},\"heads\":"
		  "2},{\"type\":\"rng\"}" },
		{ "<video><model heads='2'/></video><rng model='virtio'/>"
		  "<graphics type='vnc' port='5907' autoport='no' "
		  "listen='::1'><listen type='address' address='::1'/>"
		  "</graphics>",
		  "{\"type\":\"gpu\",\"heads\":2,\"vnc\":{\"port\":5907,"
		  "\"address\":\"::1\"}},{\"type\":\"rng\"}" },
		{ "<graphics type='vnc' port='5907' autoport='yes' "
		  "listen='0.0.0.0'/>",
		  "{\"type\":\"gpu\",\"vnc\":{\"port\":\"auto\","
		  "\"address\":\"0.0.0.0\"}}" },
		{ "<graphics type='vnc' port='5907'><listen type='address'/>"
		  "<z:password xmlns:z='urn:zonevisor:domain:1.0' file='/p'/>"
		  "<z:tls xmlns:z='urn:zonevisor:domain:1.0' path='/t'/>"
		  "</graphics>",
		  "{\"type\":\"gpu\",\"vnc\":{\"password-file\":\"/p\","
		  "\"tls\":\"/t\",\"port\":5907}}" },
		{ "<graphics type='vnc' autoport='yes' port='-1'><listen "
		  "type='socket'/></graphics>",
		  "{\"type\":\"gpu\"}" },
		{ "<graphics type='vnc' socket='/run/hvd/vnc/z-0.sock'>"
		  "<listen type=' socket' socket='/run/hvd/vnc/z-0.sock'/>"
		  "</graphics>",
		  "{\"type\":\"gpu\"}" },
		{ "<graphics type='vnc' socket=''/>", "{\"type\":\"gpu\"}" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char xml[1024];
		char expected[512];
		struct json_object *object;
		struct json_object *devices;

		snprintf(xml, sizeof(xml), DEVICES("%s"), cases[i].xml);
		snprintf(expected, sizeof(expected), "[%s]", cases[i].devices);
		object = parse(xml);
		json_object_object_get_ex(object, "devices", &devices);
		assert_json(devices, expected);
		json_object_put(object);
	}
}

/* ---------------------------------------------------------- what is refused */

static void test_refused(void **state)
{
	static const struct {
		const char *xml;
		int code;
		const char *message; /* a part of it */
	} cases[] = {
		{ "", VIR_ERR_XML_DETAIL, "line" },
		{ "<domain>", VIR_ERR_XML_DETAIL, "line 1" },
		{ "<!DOCTYPE domain [<!ENTITY e 'x'>]><domain>&e;</domain>",
		  VIR_ERR_XML_DETAIL, "<!DOCTYPE>" },
		{ "<!DOCTYPE domain SYSTEM 'file:///etc/passwd'>" DOMAIN(""),
		  VIR_ERR_XML_DETAIL, "<!DOCTYPE>" },
		{ "<?xml version='1.0' encoding='ISO-8859-1'?><domain>\xe4"
		  "</domain>",
		  VIR_ERR_XML_DETAIL, "UTF-8" },
		{ "<network/>", VIR_ERR_XML_ERROR, "a <domain> is wanted" },
		{ "<domain xmlns='urn:x'/>", VIR_ERR_XML_ERROR, "namespace" },
		{ "<domain>" NAME MEMORY OS "</domain>", VIR_ERR_XML_ERROR,
		  "@type (line 1): is missing" },
		{ "<domain type='qemu'/>", VIR_ERR_CONFIG_UNSUPPORTED,
		  "@type (line 1): \"qemu\" is not supported: only \"hvd\", "
		  "\"kvm\"" },
		{ "<domain type='hvd'>" MEMORY OS "</domain>",
		  VIR_ERR_XML_ERROR, "name (line 1): is missing" },
		{ "<domain type='hvd'>" NAME OS "</domain>", VIR_ERR_XML_ERROR,
		  "memory (line 1): is missing" },
		{ "<domain type='hvd'>" NAME MEMORY "</domain>",
		  VIR_ERR_XML_ERROR, "os/kernel (line 1): is missing" },
		{ DOMAIN("text"), VIR_ERR_XML_ERROR, "no text here" },
		{ DOMAIN(NAME), VIR_ERR_XML_ERROR,
		  "name (line 1): is there "
		  "twice" },
		{ DOMAIN("<title>a<!-- -->b</title>"), VIR_ERR_XML_ERROR,
		  "a comment interrupts" },
		{ DOMAIN("<title>a\nb</title>"), VIR_ERR_XML_ERROR,
		  "must be one line" },
		{ DOMAIN("<frob/>"), VIR_ERR_CONFIG_UNSUPPORTED,
		  "frob (line 1): this element" },
		{ DOMAIN("<features><frob/></features>"),
		  VIR_ERR_CONFIG_UNSUPPORTED, "features/frob (line 1)" },
		{ DOMAIN("<features x='1'/>"), VIR_ERR_CONFIG_UNSUPPORTED,
		  "features/@x (line 1): this attribute" },
		{ DOMAIN("<q:commandline xmlns:q='urn:q'/>"),
		  VIR_ERR_CONFIG_UNSUPPORTED, "foreign:commandline" },
		{ DOMAIN("<uuid>12</uuid>"), VIR_ERR_XML_ERROR, "no uuid" },
		{ DOMAIN("<genid/>"), VIR_ERR_CONFIG_UNSUPPORTED, "genid" },
		{ DOMAIN("<currentMemory>4096</currentMemory>"),
		  VIR_ERR_CONFIG_UNSUPPORTED, "no balloon" },
		{ "<domain type='hvd'>" NAME OS
		  "<memory unit='KX'>1</memory></domain>",
		  VIR_ERR_XML_ERROR, "\"KX\" is no unit" },
		{ "<domain type='hvd'>" NAME OS
		  "<memory unit='EiB'>99</memory></domain>",
		  VIR_ERR_XML_ERROR, "\"99\" is not a number that fits" },
		{ DOMAIN("<vcpu>0</vcpu>"), VIR_ERR_XML_ERROR, "1 to 32" },
		{ DOMAIN("<vcpu>33</vcpu>"), VIR_ERR_XML_ERROR, "1 to 32" },
		{ DOMAIN("<vcpu current='3'>2</vcpu>"), VIR_ERR_XML_ERROR,
		  "vcpu/@current" },
		{ DOMAIN("<vcpu cpuset='1'>2</vcpu>"),
		  VIR_ERR_CONFIG_UNSUPPORTED, "<cputune>" },
		{ DOMAIN("<vcpus><vcpu id='0' enabled='no'/></vcpus>"),
		  VIR_ERR_CONFIG_UNSUPPORTED, "must be \"yes\"" },
		{ DOMAIN("<vcpus><vcpu id='1' enabled='no'/></vcpus>"),
		  VIR_ERR_XML_ERROR, "must be 0 to 0" },
		{ DOMAIN("<cputune><vcpupin vcpu='0' cpuset='1-2'/></cputune>"),
		  VIR_ERR_CONFIG_UNSUPPORTED, "is not one CPU" },
		{ DOMAIN("<cputune><vcpupin vcpu='1' cpuset='1'/></cputune>"),
		  VIR_ERR_XML_ERROR, "cputune/vcpupin/@vcpu" },
		{ DOMAIN("<cputune><vcpupin vcpu='0' cpuset='1'/><vcpupin "
			 "vcpu='0' cpuset='2'/></cputune>"),
		  VIR_ERR_XML_ERROR, "0 is there twice" },
		{ DOMAIN("<on_crash>coredump-destroy</on_crash>"),
		  VIR_ERR_CONFIG_UNSUPPORTED, "on_crash" },
		{ DOMAIN("<clock offset='localtime'/>"),
		  VIR_ERR_CONFIG_UNSUPPORTED, "clock/@offset" },
		{ DOMAIN("<metadata><a/></metadata>"), VIR_ERR_XML_ERROR,
		  "<a> has no namespace" },
		{ DOMAIN("<metadata>a</metadata>"), VIR_ERR_XML_ERROR,
		  "no text here" },
		{ DOMAIN("<metadata><a xmlns='urn:a'/><b xmlns='urn:a'/>"
			 "</metadata>"),
		  VIR_ERR_XML_ERROR, "two elements of the namespace urn:a" },
		{ DEVICES("<sound model='ich9'/>"), VIR_ERR_CONFIG_UNSUPPORTED,
		  "devices/sound (line 1): not supported: there is none" },
		{ DEVICES("<graphics type='spice'/>"),
		  VIR_ERR_CONFIG_UNSUPPORTED, "only \"vnc\"" },
		{ DEVICES("<graphics/>"), VIR_ERR_XML_ERROR,
		  "graphics/@type (line 1): is missing" },
		{ DEVICES("<graphics type='vnc' passwd='secret'/>"),
		  VIR_ERR_CONFIG_UNSUPPORTED, "<zv:password file=" },
		{ DEVICES("<graphics type='vnc' autoport='no'/>"),
		  VIR_ERR_XML_ERROR, "@port (line 1): must be a port" },
		{ DEVICES("<graphics type='vnc' port='many'/>"),
		  VIR_ERR_XML_ERROR, "@port (line 1): must be a port" },
		{ DEVICES("<graphics type='vnc' autoport='maybe'/>"),
		  VIR_ERR_CONFIG_UNSUPPORTED, "only \"yes\", \"no\"" },
		{ DEVICES("<graphics type='vnc'><listen/></graphics>"),
		  VIR_ERR_XML_ERROR, "listen/@type (line 1): is missing" },
		{ DEVICES("<graphics type='vnc'><listen type='network' "
			  "network='x'/></graphics>"),
		  VIR_ERR_CONFIG_UNSUPPORTED, "only \"address\"" },
		{ DEVICES("<graphics type='vnc' listen='::1'><listen "
			  "type='address' address='::2'/></graphics>"),
		  VIR_ERR_XML_ERROR, "is not the attribute listen" },
		{ DEVICES("<graphics type='vnc'><listen type='address' "
			  "socket='/s'/></graphics>"),
		  VIR_ERR_XML_ERROR, "listen/@socket (line 1): does not" },
		{ DEVICES("<graphics type='vnc' socket='/s'><listen "
			  "type='address'/></graphics>"),
		  VIR_ERR_XML_ERROR, "graphics/@socket (line 1): does not" },
		{ DEVICES("<graphics type='vnc' socket='/s'/>"),
		  VIR_ERR_CONFIG_UNSUPPORTED, "@socket (line 1): hvd names" },
		{ DEVICES("<graphics type='vnc'><listen type='socket' "
			  "socket='/vnc/s'/></graphics>"),
		  VIR_ERR_CONFIG_UNSUPPORTED, "hvd names the socket" },
		{ DEVICES("<graphics type='vnc'><listen type='socket' "
			  "socket='-0.sock'/></graphics>"),
		  VIR_ERR_CONFIG_UNSUPPORTED, "hvd names the socket" },
		{ DEVICES("<graphics type='vnc' socket='/vnc/a/b-0.sock'/>"),
		  VIR_ERR_CONFIG_UNSUPPORTED, "hvd names the socket" },
		{ DEVICES("<graphics type='vnc' port='5900'><listen "
			  "type='socket'/></graphics>"),
		  VIR_ERR_XML_ERROR, "@port (line 1): does not belong" },
		{ DEVICES("<graphics type='vnc' listen='::1'><listen "
			  "type='socket'/></graphics>"),
		  VIR_ERR_XML_ERROR, "@listen (line 1): does not belong" },
		{ DEVICES("<graphics type='vnc'><listen type='socket'/>"
			  "<z:password xmlns:z='urn:zonevisor:domain:1.0' "
			  "file='/p'/></graphics>"),
		  VIR_ERR_CONFIG_UNSUPPORTED, "at a socket alone" },
		{ DEVICES("<graphics type='vnc'><listen type='socket'/>"
			  "<z:tls xmlns:z='urn:zonevisor:domain:1.0' "
			  "path='/t'/></graphics>"),
		  VIR_ERR_CONFIG_UNSUPPORTED, "zv:tls/@path (line 1): only" },
		{ DEVICES("<graphics type='vnc'/><graphics type='vnc'/>"),
		  VIR_ERR_CONFIG_UNSUPPORTED, "a zone has one screen" },
		{ DEVICES("<video/><graphics type='vnc'/><video/>"),
		  VIR_ERR_CONFIG_UNSUPPORTED,
		  "video (line 1): is there twice" },
		{ DEVICES("<video><model type='qxl'/></video>"),
		  VIR_ERR_CONFIG_UNSUPPORTED, "only \"virtio\"" },
		{ DEVICES("<video><model type='virtio'><acceleration "
			  "accel3d='yes'/></model></video>"),
		  VIR_ERR_CONFIG_UNSUPPORTED, "only \"no\"" },
		{ DEVICES("<input bus='virtio'/>"), VIR_ERR_XML_ERROR,
		  "input/@type (line 1): is missing" },
		{ DEVICES("<input type='evdev'/>"), VIR_ERR_CONFIG_UNSUPPORTED,
		  "only \"keyboard\"" },
		{ DEVICES("<disk device='cdrom'/>"), VIR_ERR_CONFIG_UNSUPPORTED,
		  "devices/disk/@device (line 1): there is no CD drive" },
		{ DEVICES("<disk type='file'><source file='/a'/></disk>"),
		  VIR_ERR_XML_ERROR, "devices/disk/target/@dev" },
		{ DEVICES("<disk type='file'><target dev='vda'/></disk>"),
		  VIR_ERR_XML_ERROR, "devices/disk/source/@file" },
		{ DEVICES("<disk type='file'><source file='/a' dev='/b'/>"
			  "<target dev='vda'/></disk>"),
		  VIR_ERR_XML_ERROR,
		  "does not belong to a disk of type "
		  "file" },
		{ DEVICES("<disk type='volume'><target dev='vda'/></disk>"),
		  VIR_ERR_CONFIG_UNSUPPORTED, "\"volume\"" },
		{ DEVICES("<disk type='network'><source protocol='rbd'/>"
			  "<target dev='vda'/></disk>"),
		  VIR_ERR_CONFIG_UNSUPPORTED, "only \"nbd\"" },
		{ DEVICES("<disk type='network'><source protocol='nbd'><host "
			  "name='h' socket='/s'/></source><target dev='vda'/>"
			  "</disk>"),
		  VIR_ERR_XML_ERROR, "source/host" },
		{ DEVICES("<disk type='network'><source protocol='nbd'><host "
			  "name='h' port='0'/></source><target dev='vda'/>"
			  "</disk>"),
		  VIR_ERR_XML_ERROR, "\"0\" is no port" },
		{ DEVICES("<disk><source file='/a'/><target dev='vda' "
			  "bus='sata'/></disk>"),
		  VIR_ERR_CONFIG_UNSUPPORTED, "only \"virtio\"" },
		{ DEVICES("<disk><driver type='qcow2'/></disk>"),
		  VIR_ERR_CONFIG_UNSUPPORTED, "only \"raw\"" },
		{ DEVICES("<disk><driver cache='unsafe'/><source file='/a'/>"
			  "<target dev='vda'/></disk>"),
		  VIR_ERR_CONFIG_UNSUPPORTED, "\"unsafe\"" },
		{ DEVICES("<disk><driver rerror_policy='stop'/><source "
			  "file='/a'/><target dev='vda'/></disk>"),
		  VIR_ERR_CONFIG_UNSUPPORTED, "must be as error_policy" },
		{ DEVICES("<interface type='direct'/>"),
		  VIR_ERR_CONFIG_UNSUPPORTED, "\"direct\"" },
		{ DEVICES("<interface type='bridge'/>"), VIR_ERR_XML_ERROR,
		  "source/@bridge" },
		{ DEVICES("<interface type='user'><source bridge='b'/>"
			  "</interface>"),
		  VIR_ERR_XML_ERROR, "does not belong" },
		{ DEVICES("<interface type='user'><portForward/></interface>"),
		  VIR_ERR_CONFIG_UNSUPPORTED, "portForward/range" },
		{ DEVICES("<interface type='user'><portForward><range "
			  "start='1' end='17'/></portForward></interface>"),
		  VIR_ERR_CONFIG_UNSUPPORTED, "at most 16" },
		{ DEVICES("<interface type='user'><portForward><range "
			  "start='5' end='4'/></portForward></interface>"),
		  VIR_ERR_XML_ERROR, "range/@end" },
		{ DEVICES("<interface type='user'><portForward><range "
			  "start='1' end='2' to='65535'/></portForward>"
			  "</interface>"),
		  VIR_ERR_XML_ERROR, "range/@to" },
		{ DEVICES("<interface type='bridge'><source bridge='b'/>"
			  "<target dev='mytap'/></interface>"),
		  VIR_ERR_CONFIG_UNSUPPORTED, "hvd names the interface" },
		{ DEVICES("<rng model='virtio'><rate bytes='1' period='0'/>"
			  "</rng>"),
		  VIR_ERR_XML_ERROR, "rate/@period" },
		{ DEVICES("<disk><alias name='ua-x'/></disk>"),
		  VIR_ERR_CONFIG_UNSUPPORTED, "called as its target dev" },
		{ DEVICES("<memballoon model='virtio'/>"),
		  VIR_ERR_CONFIG_UNSUPPORTED, "only \"none\"" },
		{ DEVICES("<serial type='pty'/><serial type='pty'/>"),
		  VIR_ERR_CONFIG_UNSUPPORTED,
		  "devices/serial (line 1): is there twice" },
		{ DEVICES("<rng><address><x:a xmlns:x='urn:x'/></address>"
			  "</rng>"),
		  VIR_ERR_XML_ERROR, "an element of a namespace" },
		{ DEVICES("<rng><address xmlns:x='urn:x' x:a='1'/></rng>"),
		  VIR_ERR_XML_ERROR, "an attribute of a namespace" },
		{ DEVICES("<rng><address>1</address></rng>"), VIR_ERR_XML_ERROR,
		  "has text in it" },
		{ DOMAIN("<metadata><a xmlns='urn:zonevisor:libvirt:1.0'/>"
			 "</metadata>"),
		  VIR_ERR_XML_ERROR, "is virthvdd's own" },
		{ DOMAIN("<vcpu>2</vcpu><vcpus><vcpu id='1' enabled='yes'/>"
			 "<vcpu id='0' enabled='yes'/></vcpus>"),
		  VIR_ERR_XML_ERROR, "must be 0 to 1, in order" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct json_object *object = NULL;
		struct vir_error_text error = { 0 };

		if (domain_xml_parse(cases[i].xml, strlen(cases[i].xml),
				     &object, &error) == 0) {
			fail_msg("%s was taken", cases[i].xml);
		}
		assert_null(object);
		if (error.code != cases[i].code ||
		    !strstr(error.message, cases[i].message)) {
			fail_msg("%s: %d, %s", cases[i].xml, error.code,
				 error.message);
		}
	}
}

static void test_no_device(void **state)
{
	static const char *const cases[] = {
		"<graphics type='vnc'/>",
		"<frob/>",
		"<memballoon model='none'/>",
		"<domain type='hvd'/>",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct json_object *object = NULL;
		struct vir_error_text error = { 0 };

		assert_int_equal(domain_xml_parse_device(cases[i],
							 strlen(cases[i]),
							 &object, &error),
				 -1);
		assert_null(object);
		assert_true(error.message[0] != '\0');
	}
}

static void test_bounds(void **state)
{
	size_t size = DOMAIN_XML_TEXT_MAX + 2;
	char *xml = malloc(size);
	struct json_object *object = NULL;
	struct vir_error_text error = { 0 };
	size_t used;

	(void)state;
	assert_non_null(xml);
	memset(xml, ' ', size);
	assert_int_equal(
		domain_xml_parse(xml, DOMAIN_XML_TEXT_MAX + 1, &object, &error),
		-1);
	assert_int_equal(error.code, VIR_ERR_INVALID_ARG);

	/* Walking so many would take long. */
	used = (size_t)sprintf(xml, "<domain type='hvd'><os>");
	for (unsigned int i = 0; i < 5000; i++) {
		used += (size_t)sprintf(xml + used, "<boot dev='hd'/>");
	}
	used += (size_t)sprintf(xml + used, "</os></domain>");
	assert_int_equal(domain_xml_parse(xml, used, &object, &error), -1);
	assert_non_null(strstr(error.message, "more than 4096 elements"));
	free(xml);
}

/* ---------------------------------------------------------- there and back */

/* What hvd gives for it, complete. */
static struct json_object *canonical(const char *text)
{
	struct json_object *object = json(text);
	struct zone_def *def = definition_of(object);
	struct json_object *whole = zone_def_to_json(def);

	zone_def_destroy(def);
	json_object_put(object);
	return whole;
}

static struct json_object *detail_of(struct json_object *definition)
{
	struct json_object *detail = json_object_new_object();

	json_object_object_add(detail, "definition",
			       json_object_get(definition));
	return detail;
}

static void assert_round_trip(const char *text)
{
	struct json_object *definition = canonical(text);
	struct json_object *detail = detail_of(definition);
	char *xml = domain_xml_format(detail, true);
	struct json_object *again;
	struct zone_def *a = definition_of(definition);
	struct zone_def *b;
	struct json_object *again_detail;
	char *xml_again;

	assert_non_null(xml);
	again = parse(xml);
	b = definition_of(again);
	/* It is not libvirt's to say, unless there is more to it. */
	if (a->autostart && !a->autostart_order && !a->autostart_delay_us) {
		b->autostart = true;
	}
	if (!zone_def_equal(a, b)) {
		fail_msg("%s\n%s\n%s", text, xml,
			 json_object_to_json_string(again));
	}
	again_detail = detail_of(again);
	zone_def_destroy(b);
	json_object_put(again);
	again = canonical(json_object_to_json_string(definition));
	json_object_put(again_detail);
	again_detail = detail_of(again);
	xml_again = domain_xml_format(again_detail, true);
	assert_string_equal(xml, xml_again);
	zone_def_destroy(a);
	json_object_put(again);
	json_object_put(again_detail);
	json_object_put(detail);
	json_object_put(definition);
	free(xml);
	free(xml_again);
}

#define BASE                                                                 \
	"{\"name\":\"z\",\"uuid\":\"01234567-89ab-cdef-0123-456789abcdef\"," \
	"\"memory\":\"64M\",\"kernel\":\"/k\","

static void test_round_trip(void **state)
{
	static const char *const cases[] = {
		BASE "\"vcpus\":1}",
		BASE "\"vcpus\":{\"max\":4,\"on\":2},\"cpus\":[null,3,null,0],"
		     "\"priority\":3,\"slice\":\"100us\",\"on_crash\":"
		     "\"restart\",\"on_reboot\":\"preserve\",\"on_poweroff\":"
		     "\"restart\",\"initrd\":\"/i\",\"dtb-overlay\":\"/d\","
		     "\"cmdline\":\"a='b' <&>\\\"\",\"devices\":[]}",
		BASE "\"vcpus\":1,\"autostart\":true}",
		BASE "\"vcpus\":1,\"autostart\":{\"order\":-5}}",
		BASE "\"vcpus\":1,\"autostart\":{\"delay\":\"5s\"}}",
		BASE
		"\"vcpus\":2,\"title\":\"<T>\",\"description\":\"a\\nb\","
		"\"metadata\":{\"urn:a\":\"<a xmlns=\\\"urn:a\\\" b=\\\"c\\\"><d/>"
		" x</a>\",\"urn:b\":\"no XML <\",\"urn:c\":\"<a "
		"xmlns='urn:d'/>\",\"urn:e\":\"<?xml version='1.0'?>"
		"<a xmlns='urn:e'/>\",\"urn:f\":\"<a xmlns='urn:f'/></m>"
		"<m>\"}}",
		BASE "\"vcpus\":1,\"devices\":[{\"type\":\"net\",\"name\":"
		     "\"b.1\",\"bridge\":\"br0\",\"mtu\":1400,\"link\":false,"
		     "\"vhost\":true,\"queues\":2,\"limits\":{\"rx-bytes-sec\":"
		     "\"1M\",\"tx-bytes-sec\":\"3K\",\"rx-packets-sec\":5,"
		     "\"tx-packets-sec\":6,\"burst-ms\":7}},{\"type\":"
		     "\"console\",\"name\":\"c\"},{\"type\":\"net\",\"user\":"
		     "true,\"forward\":[{\"port\":1,\"to\":2,\"proto\":\"udp\","
		     "\"address\":\"127.0.0.1\"},{\"port\":3}]},{\"type\":"
		     "\"console\"},{\"type\":\"rng\",\"source\":\"/dev/hwrng\","
		     "\"limits\":{\"total-bytes-sec\":\"5K\",\"burst-ms\":9}},"
		     "{\"type\":\"rng\"}]}",
		BASE "\"vcpus\":2,\"devices\":[{\"type\":\"disk\",\"path\":"
		     "\"/a\"},{\"type\":\"disk\",\"name\":\"vdb\",\"path\":"
		     "\"/dev/b\",\"readonly\":true,\"cache\":\"writethrough\","
		     "\"direct\":false,\"queues\":1,\"serial\":\"a b'\\\"\","
		     "\"block-size\":512,\"discard\":false,\"on-error\":"
		     "\"enospace\",\"limits\":{\"total-iops-sec\":1,"
		     "\"read-iops-sec\":2,\"write-iops-sec\":3,"
		     "\"total-bytes-sec\":\"4K\",\"read-bytes-sec\":\"5M\","
		     "\"write-bytes-sec\":\"6G\",\"burst-ms\":7}},{\"type\":"
		     "\"disk\",\"nbd\":{\"socket\":\"/s\",\"export\":\"e\"},"
		     "\"on-error\":\"pause\"},{\"type\":\"disk\",\"nbd\":{"
		     "\"host\":\"192.0.2.1\"},\"cache\":\"writethrough\"}]}",
		BASE "\"vcpus\":1,\"devices\":[{\"type\":\"input\",\"kind\":"
		     "\"keyboard\"},{\"type\":\"gpu\"},{\"type\":\"input\","
		     "\"kind\":\"mouse\",\"name\":\"m\"}]}",
		BASE "\"vcpus\":1,\"devices\":[{\"type\":\"gpu\",\"name\":"
		     "\"g\",\"heads\":2,\"width\":1024,\"height\":768,"
		     "\"memory\":\"20M\",\"vnc\":{\"port\":5907,\"address\":"
		     "\"::1\",\"password-file\":\"/p\",\"tls\":\"/t\"},"
		     "\"card\":\"/dev/dri/card0\"},{\"type\":\"input\","
		     "\"kind\":\"tablet\"}]}",
		BASE "\"vcpus\":1,\"devices\":[{\"type\":\"gpu\",\"vnc\":{"
		     "\"port\":\"auto\"}}]}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_round_trip(cases[i]);
	}
}

static void test_live(void **state)
{
	struct json_object *detail = json(
		"{\"id\":3,\"definition\":" BASE "\"vcpus\":1,\"devices\":[]},"
		"\"running_definition\":" BASE "\"vcpus\":2,\"devices\":["
		"{\"type\":\"net\",\"name\":\"n\",\"bridge\":\"b\"},{\"type\":"
		"\"disk\",\"name\":\"vda\",\"path\":\"/a\"}]},\"devices\":[{"
		"\"type\":\"net\",\"name\":\"n\",\"tap\":\"zv3.0\"}]}");
	char *live = domain_xml_format(detail, false);
	char *inactive = domain_xml_format(detail, true);

	(void)state;
	assert_non_null(strstr(live, "<domain type='hvd' id='3'>"));
	assert_non_null(strstr(live, "<vcpu placement='static'>2</vcpu>"));
	assert_non_null(strstr(live, "<target dev='zv3.0'/>"));
	assert_non_null(strstr(live, "<alias name='virtio-vda'/>"));
	assert_non_null(strstr(inactive, "<domain type='hvd'>"));
	assert_non_null(strstr(inactive, "<vcpu placement='static'>1</vcpu>"));
	assert_null(strstr(inactive, "<interface"));
	free(live);
	free(inactive);
	/* A transient zone has no other one; a zone that is off no id. */
	json_object_object_add(detail, "definition", NULL);
	inactive = domain_xml_format(detail, true);
	assert_non_null(strstr(inactive, "<domain type='hvd'>"));
	assert_non_null(strstr(inactive, "<source bridge='b'/>"));
	assert_null(strstr(inactive, "zv3.0"));
	free(inactive);
	json_object_put(detail);
	/* zone0 */
	detail = json("{\"id\":0,\"name\":\"zone0\",\"vcpus\":4,\"memory\":"
		      "1073741824,\"definition\":null}");
	live = domain_xml_format(detail, false);
	assert_non_null(strstr(live, "<name>zone0</name>"));
	assert_non_null(strstr(live, "<memory unit='KiB'>1048576</memory>"));
	free(live);
	json_object_put(detail);
}

static void test_live_screen(void **state)
{
	static const struct {
		const char *vnc;
		const char *display; /* what hvd says of it, or nothing */
		const char *live;
		const char *inactive;
	} cases[] = {
		{ ",\"vnc\":{\"port\":\"auto\",\"address\":\"::1\"}",
		  ",\"display\":{\"heads\":[{\"head\":0,\"socket\":\"/s/vnc/"
		  "z-0.sock\",\"address\":\"::1\",\"port\":5903}]}",
		  "<graphics type='vnc' port='5903' autoport='yes' "
		  "listen='::1'>",
		  "<graphics type='vnc' port='-1' autoport='yes' "
		  "listen='::1'>" },
		{ ",\"vnc\":{\"port\":5907}", "",
		  "<graphics type='vnc' port='5907' autoport='no'",
		  "<graphics type='vnc' port='5907' autoport='no'" },
		{ "",
		  ",\"display\":{\"heads\":[{\"head\":0,\"socket\":\"/s/vnc/"
		  "z-0.sock\",\"address\":null,\"port\":null}]}",
		  "<listen type='socket' socket='/s/vnc/z-0.sock'/>",
		  "<listen type='socket'/>" },
		{ "", ",\"display\":{\"heads\":[]}", "<listen type='socket'/>",
		  "<listen type='socket'/>" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[1024];
		struct json_object *detail;
		char *live;
		char *inactive;

		snprintf(text, sizeof(text),
			 "{\"id\":3,\"definition\":" BASE
			 "\"vcpus\":1,\"devices\":[{\"type\":\"gpu\"%s}]}%s}",
			 cases[i].vnc, cases[i].display);
		detail = json(text);
		live = domain_xml_format(detail, false);
		inactive = domain_xml_format(detail, true);
		if (!strstr(live, cases[i].live) ||
		    !strstr(inactive, cases[i].inactive)) {
			fail_msg("%s: %s%s", text, live, inactive);
		}
		/* It may be defined again as it is. */
		json_object_put(parse(live));
		free(live);
		free(inactive);
		json_object_put(detail);
	}
}

/* ------------------------------------------------- what is kept for clients */

/* Each row that is kept or fixed is in here, with its first word. */
static const char everything[] =
	"<domain type='hvd'>" NAME
	"<memory unit='KiB' dumpCore='on'>65536</memory>"
	"<memoryBacking><nosharepages/><locked/><hugepages/>"
	"<allocation mode='immediate'/></memoryBacking>"
	"<vcpu placement='static' current='1'>2</vcpu><vcpus><vcpu id='0' "
	"enabled='yes' hotpluggable='no' order='1'/><vcpu id='1' "
	"enabled='no' hotpluggable='yes'/></vcpus>"
	"<os><boot dev='hd'/><boot dev='hd'/><type arch='aarch64' "
	"machine='zone'>hvm</type><kernel>/k</kernel>"
	"<bootmenu enable='no'/></os>"
	"<features><pae/><acpi/><apic/><gic version='3'/></features>"
	"<cpu mode='host-passthrough' check='none' migratable='off'/>"
	"<clock offset='utc'/>"
	"<pm><suspend-to-mem enabled='no'/><suspend-to-disk enabled='no'/></pm>"
	"<seclabel type='none' model='none'/><devices>"
	"<emulator>/usr/bin/qemu &lt;&amp;&gt;</emulator>"
	"<disk type='file' device='disk' snapshot='no'><driver name='hvd' "
	"type='raw' io='io_uring' ioeventfd='on' event_idx='on' "
	"copy_on_read='off' detect_zeroes='off'/><source file='/a' "
	"startupPolicy='mandatory' tls='no'/><backingStore/><target "
	"dev='vda' bus='virtio'/><model>virtio</model><boot order='2'/>"
	"<address type='pci' domain='0x0000' bus='0x01'><zpci uid='1'/>"
	"</address></disk>"
	"<interface type='user' trustGuestRxFilters='no'><model type='virtio'/>"
	"<driver ioeventfd='on' event_idx='on'/><backend type='passt'/>"
	"<boot order='1'/><address type='pci'/></interface>"
	"<interface type='bridge'><source bridge='b'/><model type='virtio'/>"
	"<boot order='3'/></interface>"
	"<console type='pty'><target type='virtio'/><address type='a'/>"
	"</console>"
	"<serial type='pty'><target type='system-serial' port='0'><model "
	"name='pl011'/></target><address type='isa'/></serial>"
	"<rng model='virtio'><backend model='random'/><address type='b'/></rng>"
	"<graphics type='vnc' port='5901' autoport='no' listen='::1' "
	"keymap='de'><listen type='address' address='::1'/></graphics>"
	"<video><model type='virtio' primary='yes' blob='off'><acceleration "
	"accel2d='no' accel3d='no'/></model><address type='pci'/></video>"
	"<input type='tablet' bus='virtio'><address type='pci'/></input>"
	"<audio id='2' type='none'/>"
	"<controller type='virtio-serial' index='0'><address type='c'/>"
	"</controller><controller type='virtio-serial' index='1'/>"
	"<memballoon model='none'/></devices></domain>";

/* Number index, from 0 on, of what has the path; NULL: there is no more of it. */
static xmlNode *find_path(xmlNode *node, const char *path, unsigned int *index)
{
	size_t len = strcspn(path, "/");

	if (*path == '\0' || *path == '@') {
		bool there = *path == '\0' ||
			     xmlHasProp(node, (const xmlChar *)path + 1);

		return there && (*index)-- == 0 ? node : NULL;
	}
	for (xmlNode *n = node->children; n; n = n->next) {
		xmlNode *found = NULL;

		if (n->type == XML_ELEMENT_NODE &&
		    strncmp((const char *)n->name, path, len) == 0 &&
		    n->name[len] == '\0') {
			found = find_path(n, path + len + (path[len] == '/'),
					  index);
		}
		if (found) {
			return found;
		}
	}
	return NULL;
}

/* Text of it, and of a tree all there is. */
static char *path_text(xmlNode *node, const char *path)
{
	const char *attribute = strchr(path, '@');
	xmlBuffer *buffer;
	char *text;

	if (attribute) {
		return (char *)xmlGetProp(node, (const xmlChar *)attribute + 1);
	}
	if (!strstr(path, "address")) {
		return (char *)xmlNodeGetContent(node);
	}
	buffer = xmlBufferCreate();
	xmlNodeDump(buffer, node->doc, node, 0, 0);
	text = strdup((const char *)xmlBufferContent(buffer));
	xmlBufferFree(buffer);
	return text;
}

static void assert_same_path(const xmlDoc *a, const xmlDoc *b, const char *path)
{
	for (unsigned int i = 0;; i++) {
		unsigned int at = i;
		xmlNode *there = find_path(xmlDocGetRootElement(a), path, &at);
		xmlNode *here;
		char *x;
		char *y;

		at = i;
		here = find_path(xmlDocGetRootElement(b), path, &at);
		if ((there == NULL) != (here == NULL) || (!i && !there)) {
			fail_msg("%s, number %u: %s", path, i,
				 there ? "lost" : "none");
		}
		if (!there) {
			return;
		}
		x = path_text(there, path);
		y = path_text(here, path);
		if (strcmp(x, y) != 0) {
			fail_msg("%s, number %u: %s is not %s", path, i, y, x);
		}
		free(x);
		free(y);
	}
}

static xmlDoc *read_xml(const char *text)
{
	xmlDoc *doc = xmlReadMemory(text, (int)strlen(text), NULL, NULL,
				    XML_PARSE_NOBLANKS);

	assert_non_null(doc);
	return doc;
}

/* As hvd has it, and as a client gets it then. */
static char *given_back(struct json_object *definition)
{
	struct json_object *whole =
		canonical(json_object_to_json_string(definition));
	struct json_object *detail = detail_of(whole);
	char *xml = domain_xml_format(detail, true);

	assert_non_null(xml);
	json_object_put(detail);
	json_object_put(whole);
	return xml;
}

static void test_kept(void **state)
{
	struct json_object *definition = parse(everything);
	char *xml = given_back(definition);
	struct json_object *again = parse(xml);
	char *xml_again = given_back(again);
	xmlDoc *before = read_xml(everything);
	xmlDoc *after = read_xml(xml);
	struct domain_xml_support row;
	unsigned int count = 0;

	(void)state;
	for (size_t i = 0; domain_xml_support(i, &row); i++) {
		if (row.status == DOMAIN_XML_KEPT ||
		    row.status == DOMAIN_XML_FIXED) {
			assert_same_path(before, after, row.path);
			count++;
		}
	}
	assert_true(count > 60);
	assert_string_equal(xml, xml_again);
	xmlFreeDoc(before);
	xmlFreeDoc(after);
	free(xml);
	free(xml_again);
	json_object_put(again);
	json_object_put(definition);
}

static void set_text(struct json_object *definition, const char *member,
		     const char *text)
{
	json_object_object_add(definition, member,
			       json_object_new_string(text));
}

static struct json_object *metadata_of(struct json_object *definition)
{
	struct json_object *metadata;

	assert_true(
		json_object_object_get_ex(definition, "metadata", &metadata));
	return metadata;
}

/* Others change the definition, and what is kept is no reason to say otherwise. */
static void test_kept_of_what_was(void **state)
{
	static const char *const texts[] = {
		"no XML",
		"<kept type='Q'><name>Q</name><a b='c'/><memory Q='1'>3"
		"</memory><os><kernel>/Q</kernel><boot>y</boot></os><devices>"
		"<disk snapshot='no'/><memballoon model='Q'/><serial "
		"type='Q'/><serial/><graphics type='Q'/></devices><vcpus><vcpu id='7' "
		"order='1'/></vcpus><genid/></kept>",
		"",
	};
	struct json_object *definition = parse(everything);
	struct json_object *devices;
	char *xml;

	(void)state;
	json_object_object_get_ex(definition, "devices", &devices);
	json_object_array_del_idx(devices, 0, 2); /* disk and user network */
	json_object_object_add(definition, "vcpus", json_object_new_int(1));
	xml = given_back(definition);
	assert_null(strstr(xml, "id='1'"));
	assert_non_null(strstr(xml, "<vcpu id='0' enabled='yes' "
				    "hotpluggable='no' order='1'/>"));
	assert_null(strstr(xml, "snapshot"));
	assert_null(strstr(xml, "<boot order='1'/>"));
	assert_non_null(strstr(xml, "<boot order='3'/>"));
	json_object_put(parse(xml));
	free(xml);
	for (size_t i = 0; i < COUNT(texts); i++) {
		set_text(metadata_of(definition), "urn:zonevisor:libvirt:1.0",
			 texts[i]);
		set_text(json_object_array_get_idx(devices, 0), "xml",
			 texts[i]);
		xml = given_back(definition);
		assert_null(strstr(xml, "Q"));
		assert_null(strstr(xml, "genid"));
		assert_null(strstr(xml, "<disk"));
		json_object_put(parse(xml));
		free(xml);
	}
	json_object_put(definition);
}

/* ------------------------------------------------------------- the machine */

static void test_capabilities(void **state)
{
	struct json_object *info = json(
		"{\"pcpus\":2,\"cpus\":[{\"cpu\":0,\"package\":0,\"cluster\":1,"
		"\"core\":0,\"vcpus\":[]},{\"cpu\":1,\"package\":0,"
		"\"cluster\":1,\"core\":0,\"vcpus\":[]},{\"cpu\":2,"
		"\"vcpus\":[]}],\"memory\":{\"total\":1073741824}}");
	struct vir_error_text error = { 0 };
	char *text = capabilities_format(info, NULL);
	const char *hvd;

	(void)state;
	assert_non_null(strstr(text, "<cpu id='0' socket_id='0' die_id='0' "
				     "core_id='0' siblings='0,1'/>"));
	assert_non_null(strstr(text, "<cpu id='2' socket_id='0' die_id='0' "
				     "core_id='2' siblings='2'/>"));
	hvd = strstr(text, "<domain type='hvd'/>");
	assert_non_null(hvd);
	assert_non_null(strstr(hvd, "<domain type='kvm'/>"));
	free(text);
	text = domain_capabilities_format(info, NULL, "aarch64", "virt", "kvm",
					  &error);
	assert_non_null(strstr(text, "<machine>virt</machine>"));
	assert_non_null(strstr(text, "<vcpu max='32'/>"));
	free(text);
	assert_null(domain_capabilities_format(info, NULL, "x86_64", NULL, NULL,
					       &error));
	assert_int_equal(error.code, VIR_ERR_INVALID_ARG);
	assert_non_null(strstr(error.message, "x86_64"));
	json_object_put(info);
}

static void test_rows(void **state)
{
	struct domain_xml_support row;
	struct domain_xml_support other;

	(void)state;
	for (size_t i = 0; domain_xml_support(i, &row); i++) {
		assert_true(row.how && row.how[0]);
		for (size_t j = 0; j < i; j++) {
			assert_true(domain_xml_support(j, &other));
			if (strcmp(row.path, other.path) == 0) {
				fail_msg("%s has two rows", row.path);
			}
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_domain),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_vcpus),
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_screen),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_no_device),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_live),
		cmocka_unit_test(test_live_screen),
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_kept_of_what_was),
		cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
