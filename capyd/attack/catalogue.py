"""Every attempt there is, in the order in which they are made."""

from capyd.attack.attempt import Category
from capyd.attack.categories.administrator import ADMINISTRATOR
from capyd.attack.categories.api import API_FIELDS
from capyd.attack.categories.catalogs import CATALOGS
from capyd.attack.categories.databases import DATABASES, FORCED_SETTINGS, ROLE_LOGINS
from capyd.attack.categories.deletion import DELETION
from capyd.attack.categories.extensions import EXTENSIONS
from capyd.attack.categories.host import CODE, FILES, SERVER
from capyd.attack.categories.limits import LIMITS
from capyd.attack.categories.network import NETWORK
from capyd.attack.categories.own_database import OWN_DATABASE
from capyd.attack.categories.own_harm import OWN_HARM
from capyd.attack.categories.pooler import POOLER
from capyd.attack.categories.roles import ROLES
from capyd.attack.categories.sessions import SESSIONS

CATALOGUE: tuple[Category, ...] = (
    DATABASES,
    ROLE_LOGINS,
    FORCED_SETTINGS,
    ROLES,
    OWN_DATABASE,
    FILES,
    CODE,
    SERVER,
    NETWORK,
    EXTENSIONS,
    CATALOGS,
    SESSIONS,
    POOLER,
    LIMITS,
    ADMINISTRATOR,
    API_FIELDS,
    OWN_HARM,
    DELETION,
)
