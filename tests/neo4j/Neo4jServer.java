import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Duration;
import java.time.ZoneId;
import java.util.Map;
import java.util.Set;
import org.neo4j.common.DependencyResolver;
import org.neo4j.configuration.Config;
import org.neo4j.configuration.GraphDatabaseInternalSettings;
import org.neo4j.configuration.GraphDatabaseSettings;
import org.neo4j.configuration.connectors.BoltConnector;
import org.neo4j.configuration.connectors.ConnectorPortRegister;
import org.neo4j.configuration.connectors.ConnectorType;
import org.neo4j.configuration.helpers.SocketAddress;
import org.neo4j.dbms.api.DatabaseManagementService;
import org.neo4j.dbms.api.DatabaseManagementServiceBuilder;
import org.neo4j.graphdb.config.Setting;
import org.neo4j.io.ByteUnit;
import org.neo4j.kernel.internal.GraphDatabaseAPI;

/**
 * One Neo4j of the real kernel, with Cypher and Bolt, for tests and development: on the loopback only, without
 * authentication and without usage reports.
 *
 * <pre>java -cp 'server.jar:lib/*' Neo4jServer DATA_DIR PORT [--until-stdin-closes]</pre>
 *
 * Port 0 takes a free one. When it is ready it prints {@code ready bolt://127.0.0.1:PORT} on stdout. It stops cleanly on
 * SIGTERM and, if asked, when its stdin closes, which is what happens when its parent dies. Until then a line
 * {@code read-only} or {@code writable} there says what may be done with the database from then on, and is repeated on
 * stdout when that is so.
 */
public final class Neo4jServer {
    public static void main(String[] args) throws IOException {
        boolean untilStdinCloses = args.length == 3 && args[2].equals("--until-stdin-closes");
        if (args.length != 2 && !untilStdinCloses) {
            System.err.println(
                    "usage: java -cp 'server.jar:lib/*' Neo4jServer DATA_DIR PORT [--until-stdin-closes]");
            System.exit(2);
        }
        PrintStream out = System.out;
        System.setOut(System.err);

        DatabaseManagementService service = open(Path.of(args[0]).toAbsolutePath(), Integer.parseInt(args[1]));
        Runtime.getRuntime().addShutdownHook(new Thread(service::shutdown));
        out.println("ready bolt://127.0.0.1:" + boltPort(service));
        out.flush();

        if (untilStdinCloses) {
            BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                restrict(service, line.equals("read-only"));
                out.println(line);
                out.flush();
            }
            System.exit(0);
        }
    }

    private static void restrict(DatabaseManagementService service, boolean readOnly) {
        Set<String> restricted = readOnly ? Set.of(GraphDatabaseSettings.DEFAULT_DATABASE_NAME) : Set.of();
        resolver(service)
                .resolveDependency(Config.class)
                .setDynamic(GraphDatabaseSettings.read_only_databases, restricted, "Neo4jServer");
    }

    private static DatabaseManagementService open(Path home, int port) {
        SocketAddress address = new SocketAddress("127.0.0.1", port);
        // A number of seconds in Neo4j 5, a duration since.
        Setting<?> quiet = GraphDatabaseInternalSettings.netty_server_shutdown_quiet_period;
        // Tests fill and empty the graph all the time: to plan every query anew whenever its size has changed, and for
        // each size of its parameters, took most of the processor time of this. What is tested of large graphs asks for
        // new plans itself, by db.clearQueryCaches.
        boolean keepsPlans = Boolean.getBoolean("descent.keepPlans");
        boolean lasts = Config.defaults().get(quiet) instanceof Duration;
        return new DatabaseManagementServiceBuilder(home)
                .setConfig(GraphDatabaseSettings.auth_enabled, false)
                .setConfig(GraphDatabaseSettings.udc_enabled, false)
                .setConfig(GraphDatabaseSettings.pagecache_memory, ByteUnit.mebiBytes(512))
                .setConfig(GraphDatabaseSettings.preallocate_logical_logs, false)
                .setConfig(GraphDatabaseSettings.cypher_min_replan_interval, Duration.ofSeconds(keepsPlans ? 86_400 : 10))
                .setConfig(GraphDatabaseInternalSettings.cypher_size_hint_parameters, !keepsPlans)
                // Times are kept in UTC wherever a database is: nothing may go by its own zone.
                .setConfig(GraphDatabaseSettings.db_temporal_timezone, ZoneId.of("Asia/Kolkata"))
                .setConfig(Map.of(quiet, (Object) (lasts ? Duration.ZERO : 0)))
                .setConfig(BoltConnector.enabled, true)
                .setConfig(BoltConnector.server_bolt_telemetry_enabled, false)
                .setConfig(BoltConnector.listen_address, address)
                .setConfig(BoltConnector.advertised_address, address)
                .build();
    }

    private static int boltPort(DatabaseManagementService service) {
        return resolver(service)
                .resolveDependency(ConnectorPortRegister.class)
                .getLocalAddress(ConnectorType.BOLT)
                .getPort();
    }

    private static DependencyResolver resolver(DatabaseManagementService service) {
        GraphDatabaseAPI database = (GraphDatabaseAPI) service.database(GraphDatabaseSettings.DEFAULT_DATABASE_NAME);
        return database.getDependencyResolver();
    }
}
